package main

import (
	"encoding/json"
	"time"

	"github.com/urfave/cli/v2"

	"osssh/internal/terminal"
	"osssh/reach"
	"osssh/secgroup"
)

func listCommand(p *process) *cli.Command {
	asJSON := false
	return &cli.Command{
		Name:    "list",
		Aliases: []string{"ls"},
		Usage:   "list the instances as a login would find them",
		Description: `Name, status, the address that would be dialled, the user to log in as, the
keypair and the private key here that matches it, and whether the security
groups admit SSH from here. A table on a terminal, tab-separated in a pipe.

Example:
   osssh list | awk '$7 == "deny" { print $1 }'`,
		Flags: []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "one JSON object (docs/list.schema.json)", Destination: &asJSON, DisableDefaultText: true}},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return &usageError{"list takes no words"}
			}
			p.ui.settle(p.globals, 0)
			return p.list(asJSON)
		},
	}
}

func (p *process) list(asJSON bool) error {
	config, err := p.reachConfig()
	if err != nil {
		return err
	}
	if config.SettingsOf, err = p.listSettings(); err != nil {
		return err
	}
	p.ui.start()
	rows, gaps, err := reach.Survey(p.ctx, config)
	p.ui.progress.Stop()
	if err != nil {
		return err
	}
	for _, gap := range gaps {
		p.ui.notef("%s could not be asked: %s", gap.What, explain(gap.Err).what)
	}
	if asJSON {
		return json.NewEncoder(p.stdout).Encode(listAnswer(rows))
	}
	table := terminal.Table{Header: []string{"NAME", "STATUS", "ADDRESS", "USER", "KEYPAIR", "KEY", "SSH"}}
	commands := newApp(p)
	for _, row := range rows {
		table.Rows = append(table.Rows, listCells(row, commands))
	}
	return p.table(table)
}

func listCells(row reach.Row, commands *cli.App) []string {
	name := row.Server.Name
	if commands.Command(name) != nil { // only `osssh ssh NAME` means the instance
		name = "ssh " + name
	}
	return []string{name, row.Server.Status, listAddress(row), listUser(row), row.Server.KeyName, listKey(row), listVerdict(row)}
}

func listAddress(row reach.Row) string {
	if row.Candidate == nil {
		return ""
	}
	if row.Candidate.Address.Port() == 22 {
		return row.Candidate.Address.Addr().String()
	}
	return row.Candidate.Address.String()
}

// listUser leaves a user that is only a first guess out.
func listUser(row reach.Row) string {
	if row.Login.Guess {
		return ""
	}
	return row.Login.User
}

func listKey(row reach.Row) string {
	switch {
	case row.Key == nil:
		return ""
	case row.Key.File == nil:
		return "agent"
	}
	return row.Key.File.Path
}

func listVerdict(row reach.Row) string {
	if row.Verdict.Reason == secgroup.NotEvaluated {
		return ""
	}
	return row.Verdict.Answer.String()
}

// listSchema names the form of listJSON; docs/list.schema.json describes it.
const listSchema = "osssh.list/1"

type listJSON struct {
	Schema  string           `json:"schema"`
	Servers []listServerJSON `json:"servers"`
}

// listServerJSON has null where the table has "-".
type listServerJSON struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Status  string    `json:"status"`
	Created time.Time `json:"created"`
	Address *string   `json:"address"`
	Port    *int      `json:"port"`
	User    *string   `json:"user"`
	Keypair *string   `json:"keypair"`
	Key     *string   `json:"key"`
	SSH     *string   `json:"ssh"`
}

func listAnswer(rows []reach.Row) listJSON {
	answer := listJSON{Schema: listSchema, Servers: []listServerJSON{}}
	for _, row := range rows {
		s := listServerJSON{
			ID: row.Server.ID, Name: row.Server.Name, Status: row.Server.Status, Created: row.Server.Created.Time,
			User: optional(listUser(row)), Keypair: optional(row.Server.KeyName),
			Key: optional(listKey(row)), SSH: optional(listVerdict(row)),
		}
		if row.Candidate != nil {
			port := int(row.Candidate.Address.Port())
			s.Address, s.Port = optional(row.Candidate.Address.Addr().String()), &port
		}
		answer.Servers = append(answer.Servers, s)
	}
	return answer
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
