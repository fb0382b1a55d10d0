package main

import (
	"errors"
	"slices"
	"strings"

	"osssh/internal/terminal"
	"osssh/keystore"
	"osssh/sshconfig"
)

// mend offers to run what mends the first cause, where that is osssh's own and
// harmless. It says whether it was run.
func (p *process) mend(x *examination) (bool, error) {
	if len(x.Causes) == 0 || x.Causes[0].Fix.Command == "" {
		return false, nil
	}
	fix := x.Causes[0].Fix
	run := p.mending(fix.Command)
	if !fix.Harmless || run == nil {
		p.ui.notef("not run, for it is not osssh's to undo: type it yourself")
		return false, nil
	}
	err := run()
	if errors.Is(err, terminal.ErrNoTerminal) {
		return false, &usageError{"no terminal to ask on: --fix asks before it runs a command"}
	}
	return err == nil, err
}

// mending is what a fix does when it is run within this process, nil where it is
// none of those that osssh knows to be harmless: another one is never run. Each
// asks first.
func (p *process) mending(command string) func() error {
	words, ok := splitWords(command)
	asked := func(do func() error) func() error {
		return func() error {
			if err := p.ui.mustSayYes(p.ctx, "run "+terminal.Sanitize(command)+"?", errNothingChanged); err != nil {
				return err
			}
			return do()
		}
	}
	switch {
	case !ok:
		return nil
	case len(words) > 2 && words[0] == "osssh" && words[1] == "allow" && !slices.Contains(words, "-y") && !slices.Contains(words, "--yes"):
		return func() error { return p.runAllow(words[1:]) }
	case fits(words, "osssh", "key", "fix", ""), fits(words, "chmod", "600", ""):
		return asked(func() error { return keystore.Protect(words[len(words)-1]) })
	case fits(words, "ssh-keygen", "-R", "", "-f", ""):
		return asked(func() error {
			_, err := sshconfig.Remove(words[4], words[2])
			return err
		})
	}
	return nil
}

// fits compares words with a form, in which "" stands for any word.
func fits(words []string, form ...string) bool {
	if len(words) != len(form) {
		return false
	}
	for i, want := range form {
		if words[i] == "" || want != "" && words[i] != want {
			return false
		}
	}
	return true
}

// runAllow runs osssh allow by its own words. It prints its calls, and asks.
func (p *process) runAllow(words []string) error {
	app := newApp(p)
	return app.RunContext(p.ctx, append([]string{"osssh"}, flagsFirst(app.Command("allow"), words)...))
}

// splitWords takes a command apart that terminal.Quote put together; not ok if
// a shell would see more in it than words.
func splitWords(command string) (words []string, ok bool) {
	var word strings.Builder
	begun := false
	for i := 0; i < len(command); i++ {
		switch c := command[i]; {
		case c == '\'':
			end := strings.IndexByte(command[i+1:], '\'')
			if end < 0 {
				return nil, false
			}
			word.WriteString(command[i+1 : i+1+end])
			i, begun = i+1+end, true
		case c == '\\' && i+1 < len(command):
			i++
			word.WriteByte(command[i])
			begun = true
		case c == ' ':
			if begun {
				words = append(words, word.String())
			}
			word.Reset()
			begun = false
		case strings.IndexByte("|&;<>()$`\"*?[#\n\t\\", c) >= 0:
			return nil, false
		default:
			word.WriteByte(c)
			begun = true
		}
	}
	if begun {
		words = append(words, word.String())
	}
	return words, true
}
