package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"osssh/internal/demo"
	"osssh/internal/openstack"
	"osssh/keystore"
)

// What --json prints is what the schemas in docs say.
func TestKeyJSON(t *testing.T) {
	cloud := onDemo(t, demo.Options{})
	passphrase := filepath.Join(t.TempDir(), "passphrase")
	if err := os.WriteFile(passphrase, []byte("sesame\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cloud.Home(), ".ssh", "osssh")
	for _, args := range [][]string{
		{"create", "work", "--format", "ppk", "--passphrase-file", passphrase},
		{"create", "gone", "--no-passphrase"},
		{"delete", "gone", "-y"},
	} {
		if status, _, stderr := osssh(t, append([]string{"key"}, args...)...); status != 0 {
			t.Fatalf("%q: %d %s", args, status, stderr)
		}
	}
	for _, c := range []struct {
		schema string
		args   []string
	}{
		{"key-list", []string{"list"}},
		{"key-show", []string{"show", filepath.Join(dir, "work.ppk")}},
		{"key-show", []string{"show", filepath.Join(dir, "work.pub")}},
		{"key-show", []string{"show", filepath.Join(cloud.Home(), ".ssh", "rsa")}},
	} {
		status, stdout, stderr := osssh(t, append([]string{"key", "--json"}, c.args...)...)
		if status != 0 {
			t.Fatalf("%q: %d %s", c.args, status, stderr)
		}
		text, err := os.ReadFile(filepath.Join("..", "..", "docs", c.schema+".schema.json"))
		if err != nil {
			t.Fatal(err)
		}
		var schema map[string]any
		var answer any
		if err := json.Unmarshal(text, &schema); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(stdout), &answer); err != nil {
			t.Fatal(err)
		}
		for _, wrong := range violations("$", schema, answer) {
			t.Errorf("%q: %s", c.args, wrong)
		}
	}
}

// violations holds a value against the part of JSON Schema that docs use.
func violations(at string, schema map[string]any, value any) (wrong []string) {
	if want, ok := schema["const"]; ok && value != want {
		wrong = append(wrong, fmt.Sprintf("%s is %v, not %v", at, value, want))
	}
	if list, ok := schema["enum"].([]any); ok && !slices.Contains(list, value) {
		wrong = append(wrong, fmt.Sprintf("%s is %v, not one of %v", at, value, list))
	}
	if types, ok := schema["type"]; ok && !hasType(types, value) {
		wrong = append(wrong, fmt.Sprintf("%s is %v, not of type %v", at, value, types))
	}
	switch value := value.(type) {
	case []any:
		for i, item := range value {
			wrong = append(wrong, violations(fmt.Sprintf("%s[%d]", at, i), schema["items"].(map[string]any), item)...)
		}
	case map[string]any:
		properties, _ := schema["properties"].(map[string]any)
		for _, name := range schema["required"].([]any) {
			if _, ok := value[name.(string)]; !ok {
				wrong = append(wrong, fmt.Sprintf("%s.%s is missing", at, name))
			}
		}
		for name, inner := range value {
			property, ok := properties[name].(map[string]any)
			if !ok {
				wrong = append(wrong, fmt.Sprintf("%s.%s is not documented", at, name))
				continue
			}
			wrong = append(wrong, violations(at+"."+name, property, inner)...)
		}
	}
	return wrong
}

func hasType(types, value any) bool {
	if list, ok := types.([]any); ok {
		return slices.ContainsFunc(list, func(one any) bool { return hasType(one, value) })
	}
	switch v := value.(type) {
	case nil:
		return types == "null"
	case string:
		return types == "string"
	case bool:
		return types == "boolean"
	case float64:
		return types == "number" || types == "integer" && v == float64(int64(v))
	case []any:
		return types == "array"
	}
	return types == "object"
}

// A keypair's private half may be in the agent; a certificate (x509) is no key of
// ssh's; a key that no keypair knows is told once.
func TestKeyRows(t *testing.T) {
	home := t.TempDir()
	if err := os.Mkdir(filepath.Join(home, ".ssh"), 0o700); err != nil {
		t.Fatal(err)
	}
	held, stray, filed := newKey(t), newKey(t), newKey(t)
	keyring := agent.NewKeyring().(agent.ExtendedAgent)
	for _, key := range []*keystore.Key{held, stray} {
		if err := keyring.Add(agent.AddedKey{PrivateKey: key.Private}); err != nil {
			t.Fatal(err)
		}
	}
	data, err := filed.Marshal(keystore.Options{Format: keystore.PPK})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(home, ".ssh", "stray.ppk")
	if err := keystore.WritePrivate(path, data); err != nil {
		t.Fatal(err)
	}
	index, err := keystore.Scan(context.Background(), keystore.Search{Home: home, Agent: keyring})
	if err != nil {
		t.Fatal(err)
	}
	rows := keyRows([]openstack.Keypair{
		{Name: "windows", Type: "x509", PublicKey: "-----BEGIN CERTIFICATE-----", Fingerprint: "aa:bb"},
		{Name: "held", Type: "ssh", PublicKey: publicLine(held.Public, "")},
		{Name: "elsewhere", Type: "ssh", PublicKey: publicLine(newKey(t).Public, "")},
	}, index, map[string][]openstack.Server{"held": {{Name: "a"}, {Name: "b"}}})
	var got [][]string
	for _, row := range rows {
		cells := row.cells()
		got = append(got, []string{cells[0], cells[1], cells[4], cells[5]})
	}
	want := [][]string{
		{"elsewhere", "ssh-ed25519", notHere, ""},
		{"held", "ssh-ed25519", "agent", "a,b"},
		{"windows", "x509", notHere, ""},
		{"", "ssh-ed25519", path, ""},
		{"", "ssh-ed25519", "agent", ""},
	}
	if !slices.EqualFunc(got, want, slices.Equal[[]string]) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if md5 := rows[2].md5(); md5 != "aa:bb" {
		t.Errorf("the certificate's fingerprint is %q", md5)
	}
	if last := rows[4]; last.md5() != ssh.FingerprintLegacyMD5(stray.Public) {
		t.Error("the agent's other key is not the stray one")
	}
}

func newKey(t *testing.T) *keystore.Key {
	t.Helper()
	key, err := keystore.Generate(keystore.Ed25519, 0)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestKeyFileNames(t *testing.T) {
	for name, good := range map[string]bool{
		"work": true, "a b": true, "me@laptop.example": true, "work.pem": true,
		"": false, ".": false, "..": false, ".hidden": false, "-x": false, "a/b": false, `a\b`: false, "c:x": false,
		"config": false, "Known_Hosts": false, "authorized_keys": false, "work.pub": false, "dot.": false,
	} {
		if err := checkKeyFileName(name); good != (err == nil) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestBeside(t *testing.T) {
	for _, c := range []struct {
		in     string
		format keystore.Format
		want   string
	}{
		{"work.pem", keystore.PPK, "work.ppk"}, {"d.x/work.PPK", keystore.OpenSSH, "d.x/work"}, {"id_rsa", keystore.PEM, "id_rsa.pem"},
		{"a.key", keystore.PKCS8, "a.pk8"}, {"me@host.example", keystore.PPK, "me@host.example.ppk"},
	} {
		if got := beside(c.in, c.format); got != c.want {
			t.Errorf("%s as %s: got %s, want %s", c.in, c.format, got, c.want)
		}
	}
}
