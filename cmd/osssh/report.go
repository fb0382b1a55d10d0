package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"osssh/internal/openstack"
	"osssh/internal/terminal"
	"osssh/keystore"
)

// ticket is what a report tells: a diagnosis in which nothing is left that a
// stranger must not see.
type ticket struct {
	*diagnosisAnswer
	System  string // on which osssh ran
	SignsIn string // the way of signing in, without its secret
	AuthURL string
	Proxy   string
	Verdict []remark
}

// reportWriter gives what writes the form that a file's name asks for.
func reportWriter(path string) (func(*ticket) ([]byte, error), error) {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".md":
		return markdownReport, nil
	case ".html":
		return htmlReport, nil
	}
	return nil, &usageError{fmt.Sprintf("--report %s: FILE.md and FILE.html are written", path)}
}

// report writes the report whole or not at all, for its owner only: who may see
// it, the owner decides. No file is overwritten.
func (p *process) report(x *examination, path string) error {
	write, err := reportWriter(path)
	if err != nil {
		return err
	}
	data, err := write(p.ticket(x))
	if err != nil {
		return err
	}
	if err := keystore.WritePrivate(path, data); err != nil {
		return unwritten(path, err)
	}
	return p.result("report", path)
}

// mayReport tells, before anything is asked, whether a report may be written.
func mayReport(path string) error {
	if _, err := reportWriter(path); err != nil {
		return err
	}
	if _, err := os.Lstat(path); err == nil {
		return unwritten(path, fs.ErrExist)
	}
	return nil
}

// unwritten says why there is no report: never with the status of a cause.
func unwritten(path string, err error) error {
	if errors.Is(err, fs.ErrExist) {
		return &usageError{path + " exists, and no file is overwritten: --report names another one"}
	}
	return &usageError{fmt.Sprintf("the report is not written: %v", err)}
}

func (p *process) ticket(x *examination) *ticket {
	t := &ticket{
		diagnosisAnswer: x.answer(), System: runtime.GOOS + "/" + runtime.GOARCH,
		SignsIn: string(x.facts.Setup.AuthType), AuthURL: x.facts.Setup.AuthURL, Proxy: x.facts.Setup.Proxy,
		Verdict: p.verdict(x, false),
	}
	r := redaction{home: p.homely, secrets: secretsOf(x.cloud)}
	for _, step := range t.Steps {
		r.shown(step.What, orEmpty(step.Note))
	}
	for _, line := range t.Verdict {
		r.shown(line.text)
	}
	t.redact(&r)
	return t
}

// redact goes through all texts.
func (t *ticket) redact(r *redaction) {
	all := []*string{&t.Name, &t.AuthURL, &t.Proxy}
	for i := range t.Steps {
		all = append(all, &t.Steps[i].Name, &t.Steps[i].What, t.Steps[i].Note)
	}
	for i := range t.Verdict {
		all = append(all, &t.Verdict[i].text)
	}
	for _, causes := range [][]diagnosisCause{t.Causes, t.Later} {
		for i, c := range causes {
			all = append(all, &causes[i].What, c.Fix, c.Hint)
			for j := range c.Evidence {
				all = append(all, &c.Evidence[j])
			}
		}
	}
	for i := range t.NotSeen {
		all = append(all, &t.NotSeen[i].What, &t.NotSeen[i].Error)
	}
	for i, asked := range t.Asked {
		all = append(all, &t.Asked[i].What, asked.Error)
	}
	for i, c := range t.Compared {
		all = append(all, &t.Compared[i].What, &t.Compared[i].Address, c.Error)
	}
	for _, texts := range [][]string{t.RuledOut, t.Settle} {
		for i := range texts {
			all = append(all, &texts[i])
		}
	}
	if t.Login != nil {
		all = append(all, &t.Login.Key, t.Login.Address)
	}
	for _, text := range all {
		if text != nil {
			*text = r.clean(*text)
		}
	}
}

// redaction takes out of texts what a stranger must not see.
type redaction struct {
	home    func(string) string
	secrets []string
	seen    []netip.Addr // private addresses that the user is shown
}

// secretsOf are the secrets of a configuration. None should stand in any text;
// this makes sure.
func secretsOf(cloud *openstack.Cloud) (secrets []string) {
	if cloud == nil {
		return nil
	}
	a := cloud.Auth
	for _, s := range []openstack.Secret{a.Password, a.Passcode, a.Token, a.ApplicationCredentialSecret} {
		if s != "" {
			secrets = append(secrets, string(s))
		}
	}
	return secrets
}

var (
	// secretPattern finds what looks like a secret: a fernet token or a JWT, a
	// private key, the value of a field that is named as one, a password in a URL.
	secretPattern = regexp.MustCompile(`gAAAA[\w=-]{20,}|eyJ[\w-]{10,}\.[\w-]+\.[\w-]+|` +
		`-----BEGIN [A-Z ]*PRIVATE KEY-----.*|(?i:(?:x-auth-token|x-subject-token|password|passwd|secret|token)["']?\s*[:=]\s*)\S+|://[^/\s:@]*:[^/\s@]+@`)
	addressPattern = regexp.MustCompile(`[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9a-fA-F]{0,4}:[0-9a-fA-F:]*:[0-9a-fA-F:.]*`)
)

// shown notes which private addresses the user sees.
func (r *redaction) shown(texts ...string) {
	for _, text := range texts {
		for _, word := range addressPattern.FindAllString(text, -1) {
			if address, ok := privateAddress(word); ok {
				r.seen = append(r.seen, address)
			}
		}
	}
}

func privateAddress(word string) (netip.Addr, bool) {
	address, err := netip.ParseAddr(strings.TrimRight(word, ":."))
	return address, err == nil && (address.IsPrivate() || address.IsLinkLocalUnicast() || sharedSpace.Contains(address))
}

// sharedSpace is what providers' networks use inside (RFC 6598).
var sharedSpace = netip.MustParsePrefix("100.64.0.0/10")

func (r *redaction) clean(text string) string {
	for _, secret := range r.secrets {
		text = strings.ReplaceAll(text, secret, "[secret]")
	}
	text = secretPattern.ReplaceAllString(r.home(text), "[secret]")
	text = addressPattern.ReplaceAllStringFunc(text, func(word string) string {
		if address, private := privateAddress(word); private && !slices.Contains(r.seen, address) {
			return "[private address]"
		}
		return word
	})
	return terminal.Sanitize(text)
}
