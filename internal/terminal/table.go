package terminal

import (
	"bufio"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// gap is the space between columns. A column is not cut below its minimum: the
// first one is what a person types next.
const (
	gap      = 2
	minFirst = 8
	minOther = 4
)

// Table is a result in rows. An empty cell is written as "-".
type Table struct {
	Header []string
	Rows   [][]string
}

// WriteText draws the table for a person: aligned columns two spaces apart
// under the header. Cells are sanitized. Where a line is longer than width
// columns, the widest cells are cut, and end in "…"; a very narrow terminal
// still has to wrap, see fit. 0 is no limit.
func (t Table) WriteText(w io.Writer, width int) error {
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
	if width > 0 {
		fit(widths, width)
	}
	out := bufio.NewWriter(w)
	for _, row := range rows {
		for i, cell := range row {
			cell = cut(cell, widths[i])
			out.WriteString(cell)
			if i < len(row)-1 {
				out.WriteString(strings.Repeat(" ", widths[i]-columns(cell)+gap))
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

// fit narrows the widest column again and again until a line has no more than
// total columns, or every column has its minimum. Of equals the last one gives.
func fit(widths []int, total int) {
	line := (len(widths) - 1) * gap
	for _, width := range widths {
		line += width
	}
	for ; line > total; line-- {
		widest := -1
		for i, width := range widths {
			if width > minWidth(i) && (widest < 0 || width >= widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return
		}
		widths[widest]--
	}
}

func minWidth(column int) int {
	if column == 0 {
		return minFirst
	}
	return minOther
}

// cut shortens s to width columns, and says so by "…".
func cut(s string, width int) string {
	if columns(s) <= width {
		return s
	}
	n := 1 // the "…"
	for i, r := range s {
		if n += columns(string(r)); n > width {
			return s[:i] + "…"
		}
	}
	return s
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
