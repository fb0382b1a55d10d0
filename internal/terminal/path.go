package terminal

import (
	"bufio"
	"io"
	"strings"
)

// Colour is how a text stands out on a terminal that shows colours (ECMA-48,
// Select Graphic Rendition).
type Colour string

// The colours.
const (
	NoColour Colour = ""
	Red      Colour = "31"
	Green    Colour = "32"
	Yellow   Colour = "33"
	Dim      Colour = "2"
	Bold     Colour = "1"
)

// Paint wraps a text that is sanitized already.
func (c Colour) Paint(text string) string {
	if c == NoColour || text == "" {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}

// Station is one part of a path that is drawn from top to bottom.
type Station struct {
	Name, What string
	Sign       string // how it went, one column
	Colour     Colour // of the sign and the note
	Note       string // behind the sign
}

// Path is a way that is drawn as a list of its stations.
type Path []Station

// maxWhat is how wide the middle column may make all others; a wider one only
// pushes its own sign to the right.
const maxWhat = 64

// WriteText draws the path in columns: names, what they are, signs and notes.
// All text is sanitized. Where width is not 0, lines are cut to it, so that each
// takes one line of the terminal.
func (p Path) WriteText(w io.Writer, width int, coloured bool) error {
	names, whats := 0, 0
	for _, s := range p {
		names = max(names, columns(Sanitize(s.Name)))
		if n := columns(Sanitize(s.What)); n <= maxWhat {
			whats = max(whats, n)
		}
	}
	out := bufio.NewWriter(w)
	for _, s := range p {
		left := "  " + pad(Sanitize(s.Name), names) + "  " + pad(Sanitize(s.What), whats) + "  "
		right := strings.TrimSpace(s.Sign + " " + Sanitize(s.Note))
		if width > 0 {
			left = cut(left, max(width-columns(s.Sign), 0))
			right = cut(right, width-columns(left))
		}
		if coloured {
			right = s.Colour.Paint(right)
		}
		out.WriteString(strings.TrimRight(left+right, " ") + "\n")
	}
	return out.Flush()
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(width-columns(s), 0))
}
