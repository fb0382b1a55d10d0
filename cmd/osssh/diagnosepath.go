package main

import (
	"bytes"
	"path/filepath"
	"strings"

	"osssh/diagnose"
	"osssh/internal/terminal"
)

// pathView draws the way from here to the shell on standard output: again and
// again on a terminal, as it becomes known; once in a pipe.
type pathView struct {
	process *process
	hidden  bool
	live    bool
	drawn   int // lines of it that the terminal shows
}

func (p *process) newPathView(hidden bool) *pathView {
	p.ui.start()
	return &pathView{
		process: p, hidden: hidden,
		// without progress other lines come between, as with -v
		live: !hidden && p.ui.progress != nil && terminal.IsTerminal(p.stdout) && p.env("TERM") != "dumb",
	}
}

// show draws the stations that are known by now over those before. A line that
// the terminal would wrap is cut, else there would be more lines than stations.
func (v *pathView) show(steps []diagnose.Step) {
	if !v.live {
		return
	}
	var text bytes.Buffer
	v.erase(&text)
	path := v.process.stations(steps)
	_ = path.WriteText(&text, max(terminal.Width(v.process.stdout)-1, 1), v.process.coloured())
	v.drawn = len(path)
	v.process.ui.progress.Pause(func() { _, _ = v.process.stdout.Write(text.Bytes()) })
}

// finish draws the whole path, uncut.
func (v *pathView) finish(steps []diagnose.Step) error {
	if v.hidden {
		return nil
	}
	var text bytes.Buffer
	v.erase(&text)
	path := v.process.stations(steps)
	if err := path.WriteText(&text, 0, v.process.coloured()); err != nil {
		return err
	}
	if len(path) > 0 {
		text.WriteByte('\n')
	}
	_, err := v.process.stdout.Write(text.Bytes())
	return err
}

// erase goes back to where the path begins: cursor up, and erase to the end of
// the screen (ECMA-48, CUU and ED).
func (v *pathView) erase(text *bytes.Buffer) {
	text.WriteString(strings.Repeat("\x1b[A", v.drawn))
	if v.drawn > 0 {
		text.WriteString("\r\x1b[J")
	}
	v.drawn = 0
}

// coloured says whether results may have colours (https://no-color.org).
func (p *process) coloured() bool {
	return terminal.IsTerminal(p.stdout) && p.env("NO_COLOR") == "" && p.env("TERM") != "dumb"
}

func (p *process) stations(steps []diagnose.Step) terminal.Path {
	var path terminal.Path
	for _, step := range steps {
		sign, colour := markSign(step.Mark)
		path = append(path, terminal.Station{
			Name: step.Name, What: p.homely(step.What), Sign: sign, Colour: colour, Note: p.homely(step.Note),
		})
	}
	return path
}

func markSign(m diagnose.Mark) (sign string, colour terminal.Colour) {
	switch m {
	case diagnose.Passed:
		return "✓", terminal.Green
	case diagnose.Failed:
		return "✗", terminal.Red
	case diagnose.Unsure:
		return "?", terminal.Yellow
	}
	return "–", terminal.Dim
}

// homely writes the paths of a text as people do.
func (p *process) homely(text string) string {
	home, err := p.home()
	if err != nil || len(home) < 2 {
		return text
	}
	separator := string(filepath.Separator)
	return strings.ReplaceAll(text, strings.TrimSuffix(home, separator)+separator, "~"+separator)
}
