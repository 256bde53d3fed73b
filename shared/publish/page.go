package publish

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// columns is the most of a line that no mail client wraps.
const columns = 78

// page is plain text in lines of at most so many columns. Only a command is
// never broken, so that it can be copied.
type page struct{ strings.Builder }

func (p *page) gap() { p.WriteByte('\n') }

func (p *page) paragraph(s string) { p.wrap("", "", s) }

func (p *page) field(name, value string) {
	p.wrap(fmt.Sprintf("%-13s", name), strings.Repeat(" ", 13), value)
}

func (p *page) item(s string) { p.wrap("  ", "    ", s) }

func (p *page) detail(s string) { p.wrap("    ", "    ", s) }

func (p *page) command(s string) { fmt.Fprintf(p, " %s\n", s) }

// wrap writes words in lines that begin with first and then with rest. A word
// that fits no line is broken.
func (p *page) wrap(first, rest, s string) {
	line, used := first, 0 // used: words in the line
	for word := range strings.SplitSeq(s, " ") {
		for {
			room := columns - utf8.RuneCountInString(line)
			if used > 0 {
				room--
			}
			if utf8.RuneCountInString(word) <= room {
				break
			}
			if used == 0 {
				head := string([]rune(word)[:room])
				p.WriteString(line + head + "\n")
				word = word[len(head):]
			} else {
				p.WriteString(strings.TrimRight(line, " ") + "\n")
			}
			line, used = rest, 0
		}
		if used > 0 {
			line += " "
		}
		line += word
		used++
	}
	p.WriteString(strings.TrimRight(line, " ") + "\n")
}
