package terminal

import (
	"bufio"
	"io"
	"strings"
)

// Field is a part of a result that has a name: for a program one row of values,
// for a person one or more lines.
type Field struct {
	Name   string
	Values []string
	Lines  []string // none: it is not shown to a person
}

// Fields is a result that is no table. A name may come again.
type Fields []Field

// WriteText draws the fields for a person: the lines stand behind the names,
// aligned, and a name that comes again is left blank. Lines are sanitized.
func (f Fields) WriteText(w io.Writer) error {
	width := 0
	for _, field := range f {
		width = max(width, columns(field.Name))
	}
	out := bufio.NewWriter(w)
	last := ""
	for _, field := range f {
		for _, line := range field.Lines {
			name := field.Name
			if name == last {
				name = ""
			}
			last = field.Name
			out.WriteString(name + strings.Repeat(" ", width-columns(name)+gap) + Sanitize(line) + "\n")
		}
	}
	return out.Flush()
}

// WriteTSV writes each field for a program: its name and its values,
// tab-separated, "-" for an empty one.
func (f Fields) WriteTSV(w io.Writer) error {
	table := Table{}
	for _, field := range f {
		table.Rows = append(table.Rows, append([]string{field.Name}, field.Values...))
	}
	return table.WriteTSV(w)
}
