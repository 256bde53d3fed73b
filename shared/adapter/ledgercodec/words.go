package ledgercodec

// words are texts that licenseguard itself writes. Their place is stored: new
// ones go to the end, none is ever taken out.
var words = []string{
	"", "covered", "over", "broken", "tracked", "not-counted", "released", "launch", "change", "found",
	"pending", "running", "stopping", "stopped", "shutting-down", "terminated",
	"EC2-Default", "EC2-DedicatedHost", "EC2-DedicatedInstance", "ami", "launch-template", "instance", "host", "tag",
	"auto-scaling", "protected", "instance-store", "one-time-spot", "service-managed",
	"tagged", "would-stop", "would-tag", "observe", "stop", "granted stop", "granted tag",
	"vCPU", "Core", "Socket", "Instance", "AVAILABLE", "DISABLED",
	"resource", "catalog", "cpu-options", "host-table", "family", "largest",
	"threshold", "limit-exceeded", "rule-broken", "expiry", "not-stopped", "configuration", "due",
}

var wordNumbers = func() map[string]int64 {
	numbers := make(map[string]int64, len(words))
	for i, w := range words {
		numbers[w] = int64(i)
	}
	return numbers
}()

// text is written as its place among the words, or among the texts of its own
// as -1 and down.
func text[S ~string](t *table, v *S) {
	n := int64(0)
	if !t.reading {
		n = t.numberOf(string(*v))
	}
	t.number(&n)
	if t.reading {
		*v = S(t.textOf(n))
	}
}

// addedText is text for a field at the end of a row that rows written earlier lack.
func addedText[S ~string](t *table, v *S) {
	if t.reading && t.at >= len(t.values) {
		t.at++
		*v = ""
		return
	}
	text(t, v)
}

func (c *columns) numberOf(s string) int64 {
	if n, ok := wordNumbers[s]; ok {
		return n
	}
	n, ok := c.numbers[s]
	if !ok {
		c.texts = append(c.texts, s)
		n = -int64(len(c.texts))
		c.numbers[s] = n
	}
	return n
}

func (c *columns) textOf(n int64) string {
	switch {
	case n >= 0 && n < int64(len(words)):
		return words[n]
	case n < 0 && n >= -int64(len(c.texts)):
		return c.texts[-n-1]
	default:
		c.fail("text %d of %d words and %d texts", n, len(words), len(c.texts))
		return ""
	}
}
