package terminal

import (
	"bufio"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Table is a result in rows. An empty cell is written as "-".
type Table struct {
	Header []string
	Rows   [][]string
}

// WriteText draws the table for a person: aligned columns two spaces apart
// under the header. Cells are sanitized.
func (t Table) WriteText(w io.Writer) error {
	rows := [][]string{t.Header}
	for _, row := range t.Rows {
		rows = append(rows, cells(row))
	}
	widths := make([]int, len(t.Header))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], columns(cell))
		}
	}
	out := bufio.NewWriter(w)
	for _, row := range rows {
		for i, cell := range row {
			out.WriteString(cell)
			if i < len(row)-1 {
				out.WriteString(strings.Repeat(" ", widths[i]-columns(cell)+2))
			}
		}
		out.WriteByte('\n')
	}
	return out.Flush()
}

// WriteTSV writes the rows for a program: tab-separated, no header.
func (t Table) WriteTSV(w io.Writer) error {
	out := bufio.NewWriter(w)
	for _, row := range t.Rows {
		out.WriteString(strings.Join(cells(row), "\t"))
		out.WriteByte('\n')
	}
	return out.Flush()
}

func cells(row []string) []string {
	clean := make([]string, len(row))
	for i, cell := range row {
		if clean[i] = Sanitize(cell); clean[i] == "" {
			clean[i] = "-"
		}
	}
	return clean
}

// columns counts the columns that s takes on a terminal: none for a combining
// mark, two for the wide scripts of East Asia.
func columns(s string) int {
	if utf8.RuneCountInString(s) == len(s) {
		return len(s)
	}
	n := 0
	for _, r := range s {
		switch {
		case unicode.In(r, unicode.Mn, unicode.Me):
		case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul) || r >= 0x1F300 && r <= 0x1FAFF || r >= 0xFF01 && r <= 0xFF60:
			n += 2
		default:
			n++
		}
	}
	return n
}
