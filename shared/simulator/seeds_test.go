package simulator

import (
	"fmt"
	"testing"
)

func FuzzParseSeeds(f *testing.F) {
	for _, text := range []string{"1..10", "7", "10..1", "..", "1..", "-1..3", "1..99999999999999999999", "1...3", "0..0"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		first, last, err := ParseSeeds(text)
		if err != nil {
			return
		}
		if first > last {
			t.Fatalf("%q gives %d..%d", text, first, last)
		}
		if a, b, err := ParseSeeds(fmt.Sprintf("%d..%d", first, last)); a != first || b != last || err != nil {
			t.Fatalf("%q gives %d..%d, and that %d..%d, %v", text, first, last, a, b, err)
		}
	})
}
