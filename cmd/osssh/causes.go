package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"osssh/diagnose"
	"osssh/internal/terminal"
)

// causesSchema names the form of causesAnswer; docs/causes.schema.json describes it.
const causesSchema = "osssh.causes/1"

type causesAnswer struct {
	Schema string        `json:"schema"`
	Causes []causeAnswer `json:"causes"`
}

type causeAnswer struct {
	ID    string `json:"id"`
	Slug  string `json:"slug"`
	Layer string `json:"layer"`
	Title string `json:"title"`
	Shows string `json:"shows"`
	Told  string `json:"told"`
	Mends string `json:"mends"`
}

func causesCommand(p *process) *cli.Command {
	asJSON := false
	return &cli.Command{
		Name:      "causes",
		Usage:     "list what osssh why can find",
		UsageText: "osssh causes [ID|SLUG] [--json]",
		Description: `Every cause why a login fails: its id and slug, which stay, the part of the path
that it is on, and what it is. With an id or a slug also how it shows, how it is
told, and how it is mended.

Examples:
   osssh causes G3
   osssh causes | awk -F '\t' '$3 == "group"'`,
		Flags: []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "one JSON object (docs/causes.schema.json)", Destination: &asJSON, DisableDefaultText: true}},
		Action: func(c *cli.Context) error {
			if c.NArg() > 1 {
				return &usageError{"causes takes one ID"}
			}
			return p.causes(c.Args().First(), asJSON)
		},
	}
}

// causes prints the whole catalogue, or the one cause that is named.
func (p *process) causes(name string, asJSON bool) error {
	all := diagnose.Catalogue()
	if name != "" {
		at := slices.IndexFunc(all, func(c diagnose.Cause) bool { return strings.EqualFold(c.ID, name) || c.Slug == strings.ToLower(name) })
		if at < 0 {
			return &usageError{fmt.Sprintf("no cause %q: osssh causes lists all", name)}
		}
		all = all[at : at+1]
	}
	switch {
	case asJSON:
		answer := causesAnswer{Schema: causesSchema, Causes: []causeAnswer{}}
		for _, c := range all {
			answer.Causes = append(answer.Causes, causeAnswer{
				ID: c.ID, Slug: c.Slug, Layer: c.Layer.String(), Title: c.Title, Shows: c.Shows, Told: c.Told, Mends: c.Mends,
			})
		}
		return json.NewEncoder(p.stdout).Encode(answer)
	case name != "":
		return p.oneCause(all[0])
	}
	table := terminal.Table{Header: []string{"ID", "SLUG", "LAYER", "WHAT"}}
	for _, c := range all {
		table.Rows = append(table.Rows, []string{c.ID, c.Slug, c.Layer.String(), c.Title})
	}
	return p.table(table)
}

func (p *process) oneCause(c diagnose.Cause) error {
	var fields terminal.Fields
	for _, field := range [][2]string{
		{"id", c.ID + " " + c.Slug}, {"layer", c.Layer.String()}, {"what", c.Title}, {"shows", c.Shows}, {"told", c.Told}, {"mended", c.Mends},
	} {
		fields = append(fields, terminal.Field{Name: field[0], Values: field[1:], Lines: field[1:]})
	}
	if terminal.IsTerminal(p.stdout) {
		return fields.WriteText(p.stdout)
	}
	return fields.WriteTSV(p.stdout)
}
