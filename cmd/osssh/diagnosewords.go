package main

import (
	"bytes"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"

	"osssh/diagnose"
	"osssh/internal/terminal"
)

// maxOthers is how many other findings, and things that could not be seen, are
// shown without -v.
const maxOthers = 3

// remark is a line of a verdict. Its label is what programs look for; one
// without belongs to the line before it.
type remark struct{ label, text string }

func (r remark) colour() terminal.Colour {
	switch r.label {
	case "cause":
		return terminal.Red
	case "fix", "works":
		return terminal.Green
	}
	return terminal.Bold
}

// writeVerdict writes what the examination comes to.
func (p *process) writeVerdict(x *examination, verbose bool) error {
	if x.interrupted {
		p.ui.notef("interrupted: this is what is known so far")
	}
	var text bytes.Buffer
	for _, r := range p.verdict(x, verbose) {
		line := terminal.Sanitize(r.text)
		switch {
		case r.label == "":
			text.WriteString("  " + line + "\n")
		case p.coloured():
			text.WriteString(r.colour().Paint(r.label+":") + " " + line + "\n")
		default:
			text.WriteString(r.label + ": " + line + "\n")
		}
	}
	_, err := p.stdout.Write(text.Bytes())
	return err
}

// verdict is what the examination comes to, in lines.
func (p *process) verdict(x *examination, verbose bool) (lines []remark) {
	most := maxOthers
	if verbose {
		most = len(x.Causes) + len(x.Later) + len(x.facts.Gaps)
	}
	others := "next"
	switch x.Outcome {
	case diagnose.Healthy:
		lines = append(lines, remark{"works", p.loginWords(x)})
		others = "note"
	case diagnose.Broken:
		lines = append(lines, p.findingLines("cause", x.Causes[0], verbose)...)
		for _, other := range x.Causes[1:min(len(x.Causes), most)] {
			lines = append(lines, p.otherLines("or", other, verbose)...)
		}
	default:
		lines = append(lines, remark{"undecided", "no cause was found, and no login was seen to work"})
	}
	for _, later := range x.Later[:min(len(x.Later), most)] {
		lines = append(lines, p.otherLines(others, later, verbose)...)
	}
	for _, odd := range x.Disagreements {
		lines = append(lines, remark{"note", odd})
	}
	if verbose || x.Outcome == diagnose.Undecided {
		for _, what := range x.RuledOut {
			lines = append(lines, remark{"ruled out", what})
		}
	}
	for _, what := range x.Settle {
		lines = append(lines, remark{"to settle it", what})
	}
	if verbose && len(x.Settle) == 0 { // which names them too
		for _, gap := range x.facts.Gaps[:min(len(x.facts.Gaps), most)] {
			lines = append(lines, remark{"not seen", gapWords(gap)})
		}
	}
	return lines
}

func gapWords(gap diagnose.Gap) string { return gap.What + ": " + explain(gap.Err).what }

// findingLines are those of the cause that is to be mended first.
func (p *process) findingLines(label string, f diagnose.Finding, verbose bool) []remark {
	lines := []remark{{label, p.homely(f.String())}}
	if verbose {
		for _, evidence := range f.Evidence {
			lines = append(lines, remark{"", p.homely(evidence)})
		}
	}
	if f.Fix.Command != "" {
		lines = append(lines, remark{"fix", f.Fix.Command})
	}
	if f.Fix.Words != "" {
		lines = append(lines, remark{"hint", p.homely(f.Fix.Words)})
	}
	return lines
}

// otherLines are those of a further finding: its fix is indented, for only the
// first one is to be typed now.
func (p *process) otherLines(label string, f diagnose.Finding, verbose bool) []remark {
	lines := p.findingLines(label, f, verbose)
	for i, r := range lines[1:] {
		if r.label != "" {
			lines[i+1] = remark{"", r.label + ": " + r.text}
		}
	}
	return lines
}

// loginWords say as whom, with which key and where a login works.
func (p *process) loginWords(x *examination) string {
	login := x.Login
	who := "a login as " + login.User
	if !login.Signed {
		who = "the server admits " + login.User
	}
	words := []string{who, "with " + p.homely(x.keyPlace(login.Accepted))}
	if probe := x.probeOf(login); probe != nil {
		words = append(words, "at "+probe.Candidate.Address.String())
		if probe.Through != "" {
			words = append(words, "through "+probe.Through)
		}
	}
	text := strings.Join(words, " ")
	if !login.Signed {
		text += ", once the key's passphrase is typed"
	}
	return text
}

// probeOf is the probe that a login was tried on.
func (x *examination) probeOf(login *diagnose.LoginProbe) *diagnose.Probe {
	for i, probe := range x.facts.Probes {
		for j := range probe.Logins {
			if &probe.Logins[j] == login {
				return &x.facts.Probes[i]
			}
		}
	}
	return nil
}

// keyPlace is where a key lies, or at least which one it is.
func (x *examination) keyPlace(key ssh.PublicKey) string {
	if key == nil {
		return "no key"
	}
	for _, id := range x.facts.Way.Keys.Identities {
		if id.Public != nil && bytes.Equal(id.Public.Marshal(), key.Marshal()) {
			return fmt.Sprintf("%s (%s)", identityPlace(id), strings.ToLower(keyTypeName(key)))
		}
	}
	return strings.ToLower(keyTypeName(key)) + " " + ssh.FingerprintSHA256(key)
}
