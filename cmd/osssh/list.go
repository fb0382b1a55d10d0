package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"sync"
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
groups admit SSH from here. A sorted table on a terminal; in a pipe tab-separated,
in the API's order, each page as it comes. With --all-clouds the first column is
the cloud.

Examples:
   osssh list | awk '$7 == "deny" { print $1 }'
   osssh --all-clouds list`,
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
	settingsOf, err := p.listSettings()
	if err != nil {
		return err
	}
	out := &listing{process: p, asJSON: asJSON, commands: newApp(p), clouds: p.allClouds, listed: map[string]bool{}}
	p.ui.start()
	if p.allClouds {
		err = p.listClouds(settingsOf, out)
	} else {
		err = p.listCloud(settingsOf, out)
	}
	p.ui.progress.Stop()
	if err != nil {
		return err
	}
	return out.end()
}

func (p *process) listCloud(settingsOf settingsFor, out *listing) error {
	config, err := p.reachConfig()
	if err != nil {
		return err
	}
	config.SettingsOf = settingsOf
	gaps, err := reach.Survey(p.ctx, config, func(rows []reach.Row) error { return out.add("", rows) })
	for _, gap := range gaps {
		p.ui.notef("%s could not be asked: %s", gap.What, explain(gap.Err).what)
	}
	return err
}

// listing is where rows go. In a pipe and as JSON they are written as they
// come; a person gets them sorted, once all have come.
type listing struct {
	*process
	asJSON   bool
	clouds   bool     // each row says which cloud it is of
	commands *cli.App // whose words are not taken for names

	mu     sync.Mutex
	begun  bool            // of the JSON object
	listed map[string]bool // ids: clouds may overlap
	held   []listRow
}

// listRow is a row that waits for the others.
type listRow struct {
	cloud, name, id string
	cells           []string
}

// add takes servers of a cloud that were not listed yet.
func (l *listing) add(cloud string, rows []reach.Row) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	rows = slices.DeleteFunc(rows, func(row reach.Row) bool { return l.listed[row.Server.ID] })
	for _, row := range rows {
		l.listed[row.Server.ID] = true
	}
	if l.asJSON {
		l.ui.progress.Stop()
		return l.addJSON(cloud, rows)
	}
	fresh := make([]listRow, len(rows))
	for i, row := range rows {
		fresh[i] = listRow{cloud, row.Server.Name, row.Server.ID, l.cells(cloud, row)}
	}
	if terminal.IsTerminal(l.stdout) {
		l.held = append(l.held, fresh...)
		return nil
	}
	l.ui.progress.Stop()
	return l.table(terminal.Table{Rows: cellsOf(fresh)})
}

func (l *listing) addJSON(cloud string, rows []reach.Row) error {
	out := bufio.NewWriter(l.stdout)
	for _, row := range rows {
		if l.begun {
			out.WriteByte(',')
		} else {
			out.WriteString(listBegin)
		}
		l.begun = true
		server, err := json.Marshal(listServer(cloud, row))
		if err != nil {
			return err
		}
		out.Write(server)
	}
	return out.Flush()
}

// end writes what is still to be written.
func (l *listing) end() error {
	switch {
	case l.asJSON:
		text := "]}\n"
		if !l.begun {
			text = listBegin + text
		}
		_, err := l.stdout.WriteString(text)
		return err
	case !terminal.IsTerminal(l.stdout):
		return nil
	}
	slices.SortFunc(l.held, func(a, b listRow) int {
		return cmp.Or(strings.Compare(a.cloud, b.cloud), strings.Compare(a.name, b.name), strings.Compare(a.id, b.id))
	})
	header := []string{"NAME", "STATUS", "ADDRESS", "USER", "KEYPAIR", "KEY", "SSH"}
	if l.clouds {
		header = append([]string{"CLOUD"}, header...)
	}
	return l.table(terminal.Table{Header: header, Rows: cellsOf(l.held)})
}

func cellsOf(rows []listRow) [][]string {
	cells := make([][]string, len(rows))
	for i, row := range rows {
		cells[i] = row.cells
	}
	return cells
}

func (l *listing) cells(cloud string, row reach.Row) []string {
	name := row.Server.Name
	if l.commands.Command(name) != nil { // only `osssh ssh NAME` means the instance
		name = "ssh " + name
	}
	cells := []string{name, row.Server.Status, listAddress(row), listUser(row), row.Server.KeyName, listKey(row), listVerdict(row)}
	if l.clouds {
		cells = append([]string{cloud}, cells...)
	}
	return cells
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

// listBegin is what comes before the servers; docs/list.schema.json describes
// the whole.
const listBegin = `{"schema":"osssh.list/1","servers":[`

// listServerJSON has null where the table has "-".
type listServerJSON struct {
	Cloud   string    `json:"cloud,omitempty"` // of several
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

func listServer(cloud string, row reach.Row) listServerJSON {
	s := listServerJSON{
		Cloud: cloud,
		ID:    row.Server.ID, Name: row.Server.Name, Status: row.Server.Status, Created: row.Server.Created.Time,
		User: optional(listUser(row)), Keypair: optional(row.Server.KeyName),
		Key: optional(listKey(row)), SSH: optional(listVerdict(row)),
	}
	if row.Candidate != nil {
		port := int(row.Candidate.Address.Port())
		s.Address, s.Port = optional(row.Candidate.Address.Addr().String()), &port
	}
	return s
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
