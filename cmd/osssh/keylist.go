package main

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/sync/errgroup"

	"osssh/internal/openstack"
	"osssh/internal/terminal"
	"osssh/keystore"
)

func keyListCommand(p *process) *cli.Command {
	asJSON := false
	return &cli.Command{
		Name:    "list",
		Aliases: []string{"ls"},
		Usage:   "list the keypairs, and where their private halves are",
		Description: `Name, type, fingerprints, where the private half lies here, and the instances made
with it; then the private keys here that no keypair knows. A table on a terminal,
tab-separated in a pipe.

Example:
   osssh key list | awk -F'\t' '$5 == "not here" { print $1 }'`,
		Flags: []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "one JSON object (docs/key-list.schema.json)", Destination: &asJSON, DisableDefaultText: true}},
		Action: p.keyAction(nil, func([]string) error {
			return p.keyList(asJSON)
		}),
	}
}

// keyRow is a keypair, or a private key that none knows.
type keyRow struct {
	keypair *openstack.Keypair // nil: none
	public  ssh.PublicKey      // nil: a certificate, or hidden by encryption
	kind    string             // the key's type; of a keypair that ssh does not read nova's
	places  []string           // of the private half: files, "agent"
	servers []openstack.Server
}

// notHere stands where the private half of a keypair was not found.
const notHere = "not here"

func (p *process) keyList(asJSON bool) error {
	client, err := p.signIn()
	if err != nil {
		return err
	}
	var keypairs []openstack.Keypair
	var index *keystore.Index
	var servers map[string][]openstack.Server
	var notListed error
	asking, asked := errgroup.WithContext(p.ctx)
	p.ui.stage("listing keypairs")
	asking.Go(func() (err error) { keypairs, err = client.Keypairs(asked); return })
	asking.Go(func() (err error) { index, err = p.scanKeys(asked); return })
	asking.Go(func() error { servers, notListed = serversByKeypair(asked, client); return nil })
	if err := asking.Wait(); err != nil {
		return err
	}
	p.ui.progress.Stop()
	if notListed != nil {
		p.ui.notef("servers could not be asked: %s", explain(notListed).what)
	}
	rows := keyRows(keypairs, index, servers)
	if asJSON {
		return json.NewEncoder(p.stdout).Encode(keyListAnswer(rows))
	}
	table := terminal.Table{Header: []string{"NAME", "TYPE", "SHA256", "MD5", "KEY", "SERVERS"}}
	for _, row := range rows {
		table.Rows = append(table.Rows, row.cells())
	}
	return p.table(table)
}

// keyRows gives the keypairs by name, then the private keys that no keypair knows.
func keyRows(keypairs []openstack.Keypair, index *keystore.Index, servers map[string][]openstack.Server) []keyRow {
	slices.SortFunc(keypairs, func(a, b openstack.Keypair) int { return strings.Compare(a.Name, b.Name) })
	files, agentKeys := map[*keystore.File]bool{}, map[*agent.Key]bool{}
	var rows []keyRow
	for _, k := range keypairs {
		row := keyRow{keypair: &k, public: keypairKey(k), kind: k.Type, servers: servers[k.Name]}
		if row.public != nil {
			row.kind = row.public.Type()
			for _, id := range index.Match(keystore.Wanted{Public: row.public, Name: k.Name}).Identities {
				row.places = append(row.places, identityPlace(id))
				files[id.File], agentKeys[id.Agent] = true, true
			}
		}
		rows = append(rows, row)
	}
	for _, file := range index.Files {
		if file.HasPrivate() && !files[file] {
			rows = append(rows, keyRow{public: file.Public, kind: file.Type, places: []string{file.Path}})
		}
	}
	for _, key := range index.AgentKeys {
		if !agentKeys[key] {
			row := keyRow{kind: key.Type(), places: []string{"agent"}}
			row.public, _ = ssh.ParsePublicKey(key.Blob)
			rows = append(rows, row)
		}
	}
	return rows
}

func (r keyRow) md5() string {
	switch {
	case r.public != nil:
		return ssh.FingerprintLegacyMD5(r.public)
	case r.keypair != nil:
		return r.keypair.Fingerprint
	}
	return ""
}

func (r keyRow) cells() []string {
	name, place := "", strings.Join(r.places, ",")
	if r.keypair != nil {
		name = r.keypair.Name
		if place == "" {
			place = notHere
		}
	}
	return []string{name, r.kind, fingerprintOf(r.public), r.md5(), place, strings.Join(serverNames(r.servers), ",")}
}

// keyListSchema names the form of keyListJSON; docs/key-list.schema.json describes it.
const keyListSchema = "osssh.key-list/1"

type keyListJSON struct {
	Schema   string        `json:"schema"`
	Keypairs []keypairJSON `json:"keypairs"`
	Unknown  []keyFileJSON `json:"unknown"`
}

// keypairJSON is a keypair. Nova's fingerprint of a certificate is SHA-1.
type keypairJSON struct {
	Name        string          `json:"name"`
	Type        string          `json:"type"`
	SHA256      *string         `json:"sha256"`
	Fingerprint string          `json:"fingerprint"`
	Keys        []string        `json:"keys"`
	Servers     []keyServerJSON `json:"servers"`
}

type keyServerJSON struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// keyFileJSON is a private key that no keypair knows.
type keyFileJSON struct {
	Key    string  `json:"key"`
	Type   *string `json:"type"`
	SHA256 *string `json:"sha256"`
	MD5    *string `json:"md5"`
}

func keyListAnswer(rows []keyRow) keyListJSON {
	answer := keyListJSON{Schema: keyListSchema, Keypairs: []keypairJSON{}, Unknown: []keyFileJSON{}}
	for _, row := range rows {
		sha256 := optional(fingerprintOf(row.public))
		if row.keypair == nil {
			answer.Unknown = append(answer.Unknown, keyFileJSON{
				Key: row.places[0], Type: optional(row.kind), SHA256: sha256, MD5: optional(row.md5()),
			})
			continue
		}
		k := keypairJSON{
			Name: row.keypair.Name, Type: row.kind, SHA256: sha256, Fingerprint: row.keypair.Fingerprint,
			Keys: append([]string{}, row.places...), Servers: []keyServerJSON{},
		}
		for _, s := range row.servers {
			k.Servers = append(k.Servers, keyServerJSON{ID: s.ID, Name: s.Name})
		}
		answer.Keypairs = append(answer.Keypairs, k)
	}
	return answer
}
