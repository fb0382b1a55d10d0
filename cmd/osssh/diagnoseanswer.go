package main

import (
	"encoding/json"
	"time"

	"golang.org/x/crypto/ssh"

	"osssh/diagnose"
)

// diagnoseSchema names the form of diagnosisAnswer; docs/diagnose.schema.json
// describes it.
const diagnoseSchema = "osssh.diagnose/1"

// diagnosisAnswer is what osssh diagnose tells. What is not known is nil.
type diagnosisAnswer struct {
	Schema      string            `json:"schema"`
	Version     string            `json:"version"`
	Time        time.Time         `json:"time"`
	Seconds     float64           `json:"seconds"`
	Interrupted bool              `json:"interrupted"`
	Name        string            `json:"name"`
	Cloud       *string           `json:"cloud"`
	Region      *string           `json:"region"`
	Server      *resolveServer    `json:"server"`
	Outcome     string            `json:"outcome"`
	Steps       []diagnosisStep   `json:"steps"`
	Causes      []diagnosisCause  `json:"causes"`
	Later       []diagnosisCause  `json:"later"`
	Login       *diagnosisLogin   `json:"login"`
	RuledOut    []string          `json:"ruled_out"`
	Settle      []string          `json:"settle"`
	NotSeen     []diagnosisGap    `json:"not_seen"`
	Asked       []diagnosisAsked  `json:"asked"`
	Compared    []diagnosisOthers `json:"compared"`
}

type diagnosisStep struct {
	Name string  `json:"name"`
	What string  `json:"what"`
	Mark string  `json:"mark"`
	Note *string `json:"note"`
}

type diagnosisCause struct {
	ID         string   `json:"id"`
	Slug       string   `json:"slug"`
	Layer      string   `json:"layer"`
	Confidence string   `json:"confidence"`
	What       string   `json:"what"`
	Evidence   []string `json:"evidence"`
	Fix        *string  `json:"fix"`
	Hint       *string  `json:"hint"`
	Harmless   bool     `json:"harmless"`
}

type diagnosisLogin struct {
	User    string  `json:"user"`
	Key     string  `json:"key"`
	SHA256  *string `json:"sha256"`
	Address *string `json:"address"`
	Through *string `json:"through"`
	Signed  bool    `json:"signed"`
}

type diagnosisGap struct {
	What  string `json:"what"`
	Error string `json:"error"`
}

type diagnosisAsked struct {
	What    string  `json:"what"`
	Source  string  `json:"source"`
	Seconds float64 `json:"seconds"`
	Error   *string `json:"error"`
}

// diagnosisOthers is a connection to another server, or to the API.
type diagnosisOthers struct {
	What     string  `json:"what"`
	Address  string  `json:"address"`
	SamePath bool    `json:"same_path"`
	Error    *string `json:"error"`
}

func (p *process) writeDiagnosis(x *examination) error {
	return json.NewEncoder(p.stdout).Encode(x.answer())
}

func (x *examination) answer() *diagnosisAnswer {
	f := x.facts
	a := &diagnosisAnswer{
		Schema: diagnoseSchema, Version: version(), Time: f.At.UTC().Truncate(time.Second), Seconds: seconds(x.took), Interrupted: x.interrupted,
		Name: f.Name, Cloud: optional(f.Setup.Cloud), Region: optional(f.Setup.Region), Outcome: outcomeWord(x.Outcome),
		Steps: []diagnosisStep{}, Causes: causesOf(x.Causes), Later: causesOf(x.Later), Login: x.loginAnswer(),
		RuledOut: append([]string{}, x.RuledOut...), Settle: append([]string{}, x.Settle...),
		NotSeen: []diagnosisGap{}, Asked: []diagnosisAsked{}, Compared: []diagnosisOthers{},
	}
	if s := f.Nova.Server; s != nil {
		a.Server = &resolveServer{ID: s.ID, Name: s.Name, Status: s.Status}
	}
	for _, step := range x.Steps {
		a.Steps = append(a.Steps, diagnosisStep{Name: step.Name, What: step.What, Mark: markWord(step.Mark), Note: optional(step.Note)})
	}
	for _, gap := range f.Gaps {
		a.NotSeen = append(a.NotSeen, diagnosisGap{What: gap.What, Error: explain(gap.Err).what})
	}
	for _, asked := range f.Asked {
		a.Asked = append(a.Asked, diagnosisAsked{What: asked.What, Source: asked.Source, Seconds: seconds(asked.Took), Error: errorText(asked.Err)})
	}
	for _, c := range f.Control {
		a.Compared = append(a.Compared, diagnosisOthers{What: c.What, Address: c.Address.String(), SamePath: c.SamePath, Error: errorText(c.Err)})
	}
	return a
}

// seconds are rounded to milliseconds.
func seconds(d time.Duration) float64 {
	return float64(d.Round(time.Millisecond).Milliseconds()) / 1000
}

func errorText(err error) *string {
	if err == nil {
		return nil
	}
	return optional(explain(err).what)
}

func outcomeWord(o diagnose.Outcome) string {
	return [...]string{"undecided", "healthy", "broken"}[o]
}

func markWord(m diagnose.Mark) string {
	return [...]string{"not reached", "passed", "unsure", "failed"}[m]
}

func causesOf(findings []diagnose.Finding) []diagnosisCause {
	causes := []diagnosisCause{}
	for _, f := range findings {
		causes = append(causes, diagnosisCause{
			ID: f.Cause.ID, Slug: f.Cause.Slug, Layer: f.Cause.Layer.String(), Confidence: f.Confidence.String(), What: f.What,
			Evidence: append([]string{}, f.Evidence...), Fix: optional(f.Fix.Command), Hint: optional(f.Fix.Words), Harmless: f.Fix.Harmless,
		})
	}
	return causes
}

func (x *examination) loginAnswer() *diagnosisLogin {
	login := x.Login
	if login == nil {
		return nil
	}
	a := &diagnosisLogin{User: login.User, Key: x.keyPlace(login.Accepted), Signed: login.Signed}
	if login.Accepted != nil {
		a.SHA256 = optional(ssh.FingerprintSHA256(login.Accepted))
	}
	if probe := x.probeOf(login); probe != nil {
		a.Address, a.Through = optional(probe.Candidate.Address.String()), optional(probe.Through)
	}
	return a
}
