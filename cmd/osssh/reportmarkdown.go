package main

import (
	"bytes"
	"fmt"
	"strings"

	"osssh/diagnose"
	"osssh/internal/terminal"
)

// markdownReport writes a ticket as GitHub Flavored Markdown. Nothing in it is
// taken for markup: free text stands in fences, or is escaped.
func markdownReport(t *ticket) ([]byte, error) {
	var out bytes.Buffer
	fmt.Fprintf(&out, "# osssh why %s: %s\n\n", escapeMarkdown(t.Name), t.Outcome)
	out.WriteString("| | |\n| --- | --- |\n")
	for _, row := range t.summary() {
		fmt.Fprintf(&out, "| %s | %s |\n", row[0], escapeMarkdown(row[1]))
	}
	var text bytes.Buffer
	if err := t.path().WriteText(&text, 0, false); err != nil {
		return nil, err
	}
	text.WriteByte('\n')
	for _, r := range t.Verdict {
		text.WriteString(r.String() + "\n")
	}
	fenced(&out, text.String())
	for _, section := range t.sections() {
		fmt.Fprintf(&out, "\n## %s\n\n", section.title)
		fmt.Fprintf(&out, "| %s |\n|%s\n", strings.Join(section.header, " | "), strings.Repeat(" --- |", len(section.header)))
		for _, row := range section.rows {
			cells := make([]string, len(row))
			for i, cell := range row {
				cells[i] = escapeMarkdown(cell)
			}
			fmt.Fprintf(&out, "| %s |\n", strings.Join(cells, " | "))
		}
	}
	return out.Bytes(), nil
}

// fenced writes a text as it is, in a fence that is longer than any in it.
func fenced(out *bytes.Buffer, text string) {
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	fmt.Fprintf(out, "\n%s\n%s%s\n", fence, text, fence)
}

// escapeMarkdown makes a text of one line mean itself (GFM, backslash escapes).
func escapeMarkdown(text string) string {
	var out strings.Builder
	for _, r := range text {
		if strings.ContainsRune("\\`*_{}[]<>()#+!|~&@$", r) {
			out.WriteByte('\\')
		}
		out.WriteRune(r)
	}
	return out.String()
}

// section is a table of a report. It is left out where it has no rows.
type section struct {
	title  string
	header []string
	rows   [][]string
}

// sections are what stands below the picture and the verdict.
func (t *ticket) sections() (all []section) {
	findings := section{title: "Findings", header: []string{"cause", "confidence", "what", "evidence", "fix"}}
	for _, causes := range [][]diagnosisCause{t.Causes, t.Later} {
		for _, c := range causes {
			fix := strings.TrimSpace(orEmpty(c.Fix) + "  " + orEmpty(c.Hint))
			findings.rows = append(findings.rows, []string{c.ID + " " + c.Slug, c.Confidence, c.What, strings.Join(c.Evidence, "; "), fix})
		}
	}
	compared := section{title: "What else answers", header: []string{"what", "address", "behind the same router", "answer"}}
	for _, c := range t.Compared {
		compared.rows = append(compared.rows, []string{c.What, c.Address, yesNo(c.SamePath), okOr(c.Error)})
	}
	asked := section{title: "What was asked", header: []string{"what", "source", "seconds", "answer"}}
	for _, a := range t.Asked {
		asked.rows = append(asked.rows, []string{a.What, a.Source, fmt.Sprintf("%.3f", a.Seconds), okOr(a.Error)})
	}
	for _, s := range []section{findings, compared, asked} {
		if len(s.rows) > 0 {
			all = append(all, s)
		}
	}
	return all
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

func okOr(problem *string) string {
	if problem == nil {
		return "ok"
	}
	return *problem
}

// summary is the head of a report.
func (t *ticket) summary() [][2]string {
	rows := [][2]string{
		{"time", t.Time.Format("2006-01-02 15:04:05 MST")}, {"took", fmt.Sprintf("%.3f s", t.Seconds)},
		{"osssh", t.Version + " on " + t.System},
		{"cloud", strings.TrimSpace(orEmpty(t.Cloud) + " " + orEmpty(t.Region))}, {"keystone", t.AuthURL}, {"signs in by", t.SignsIn}, {"proxy", t.Proxy},
	}
	if t.Server != nil {
		rows = append(rows, [2]string{"server", fmt.Sprintf("%s, %s, %s", terminal.Sanitize(t.Server.Name), t.Server.Status, t.Server.ID)})
	}
	if t.Interrupted {
		rows = append(rows, [2]string{"interrupted", "yes: not all could be asked"})
	}
	told := rows[:0]
	for _, row := range rows {
		if row[1] != "" {
			told = append(told, row)
		}
	}
	return told
}

// path is the drawn one.
func (t *ticket) path() terminal.Path {
	var path terminal.Path
	for _, step := range t.Steps {
		path = append(path, terminal.Station{Name: step.Name, What: step.What, Sign: signOf(step.Mark), Note: orEmpty(step.Note)})
	}
	return path
}

// signOf is the sign of a mark by its word.
func signOf(word string) string {
	for mark := diagnose.NotReached; mark <= diagnose.Failed; mark++ {
		if markWord(mark) == word {
			sign, _ := markSign(mark)
			return sign
		}
	}
	return ""
}

// String is the remark as it is printed.
func (r remark) String() string {
	if r.label == "" {
		return "  " + r.text
	}
	return r.label + ": " + r.text
}
