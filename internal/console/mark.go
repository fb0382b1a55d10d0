package console

import (
	"regexp"
	"strings"
)

// mark is how a line is known. Plain words are looked for first: they are what
// makes a hostile megabyte cheap.
type mark struct {
	words []string       // one of them stands in the line
	exact *regexp.Regexp // and this matches, unless nil
}

// index gives where in the text the mark begins, -1 for nowhere.
func (m mark) index(text string) int {
	for _, w := range m.words {
		at := strings.Index(text, w)
		if at < 0 {
			continue
		}
		if m.exact == nil {
			return at
		}
		if found := m.exact.FindStringIndex(text); found != nil {
			return found[0]
		}
		return -1
	}
	return -1
}

func (m mark) in(text string) bool { return m.index(text) >= 0 }
