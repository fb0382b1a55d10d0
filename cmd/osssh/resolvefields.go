package main

import (
	"cmp"
	"fmt"
	"strings"

	"osssh/internal/terminal"
)

// fields are the answer for a pipe and for a terminal. Lines that a program
// looks for come always; of the others there are as many as there is to tell.
func (a *resolveAnswer) fields() terminal.Fields {
	fields := terminal.Fields{
		{Name: "server", Values: []string{a.Server.Name, a.Server.Status, a.Server.ID},
			Lines: []string{fmt.Sprintf("%s, %s (%s)", a.Server.Name, a.Server.Status, a.Server.ID)}},
		{Name: "cloud", Values: []string{a.Cloud}, Lines: []string{a.Cloud}},
		{Name: "user", Values: []string{a.User, a.UserSource}, Lines: []string{fmt.Sprintf("%s (%s)", a.User, a.UserSource)}},
		{Name: "keypair", Values: []string{orEmpty(a.Keypair)}, Lines: []string{cmp.Or(orEmpty(a.Keypair), "none")}},
	}
	for _, k := range a.Keys {
		fields = append(fields, terminal.Field{Name: "key", Values: []string{k.Key, orEmpty(k.SHA256), k.Match},
			Lines: []string{fmt.Sprintf("%s (%s)", k.Key, k.Match)}})
	}
	if len(a.Keys) == 0 {
		fields = append(fields, terminal.Field{Name: "key", Values: []string{"", "", ""}})
	}
	for _, port := range a.Ports {
		addresses, groups := port.Addresses, port.SecurityGroups
		fields = append(fields, terminal.Field{Name: "port", Values: []string{port.ID, port.Network, strings.Join(addresses, ","), strings.Join(groups, ",")},
			Lines: []string{fmt.Sprintf("%s on %s: %s, security groups: %s", port.ID, port.Network,
				strings.Join(addresses, ", "), cmp.Or(strings.Join(groups, ", "), "none"))}})
	}
	for _, c := range a.Candidates {
		fields = append(fields, c.field())
	}
	fields = append(fields, a.jumpField())
	for _, k := range a.HostKeys {
		fields = append(fields, k.field())
	}
	if len(a.HostKeys) == 0 {
		fields = append(fields, terminal.Field{Name: "hostkey", Values: []string{"", "", ""}, Lines: []string{"none is known: you will be asked"}})
	}
	for _, problem := range a.Problems {
		fields = append(fields, problem.field())
	}
	return fields
}

func (c resolveCandidate) field() terminal.Field {
	dialled, note := "yes", ""
	if !c.Dialled {
		dialled, note = "no", ", not dialled"
	}
	return terminal.Field{
		Name:   "candidate",
		Values: []string{fmt.Sprint(c.Rank), c.Address, fmt.Sprint(c.Port), orEmpty(c.Kind), c.Why, c.Verdict, orEmpty(c.Source), c.Reason, dialled},
		Lines: []string{
			fmt.Sprintf("%d. %s port %d (%s%s)", c.Rank, c.Address, c.Port, c.Why, note),
			fmt.Sprintf("   %s: %s", c.Verdict, c.Reason),
		},
	}
}

func (a *resolveAnswer) jumpField() terminal.Field {
	host, kind, reason := orEmpty(a.Jump), orEmpty(a.JumpKind), orEmpty(a.JumpReason)
	field := terminal.Field{Name: "jump", Values: []string{host, kind, reason}}
	switch {
	case host != "" && kind == jumpServer:
		field.Lines = []string{host, "   " + reason}
	case host != "":
		field.Lines = []string{fmt.Sprintf("%s (%s, %s)", host, kind, reason)}
	case reason != "":
		field.Lines = []string{reason}
	}
	return field
}

func (k resolveHostKey) field() terminal.Field {
	source := k.Source
	if k.Authority {
		source += ", certificate authority"
	}
	return terminal.Field{Name: "hostkey", Values: []string{k.SHA256, orEmpty(k.Type), source},
		Lines: []string{strings.Join(strings.Fields(k.SHA256+" "+orEmpty(k.Type)), " ") + " (" + source + ")"}}
}

func (problem resolveProblem) field() terminal.Field {
	what := strings.Join(append([]string{problem.What}, problem.More...), "; ")
	lines := append([]string{problem.What}, problem.More...)
	if problem.Hint != nil {
		lines = append(lines, "hint: "+*problem.Hint)
	}
	return terminal.Field{Name: "problem", Values: []string{what, orEmpty(problem.Hint)}, Lines: lines}
}
