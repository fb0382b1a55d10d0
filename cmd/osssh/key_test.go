package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
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
		for _, wrong := range againstSchema(t, c.schema, stdout) {
			t.Errorf("%q: %s", c.args, wrong)
		}
	}
}

// againstSchema says in what an answer differs from docs/NAME.schema.json.
func againstSchema(t *testing.T, name, text string) (wrong []string) {
	t.Helper()
	documented, err := os.ReadFile(filepath.Join("..", "..", "docs", name+".schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	var answer any
	if err := json.Unmarshal(documented, &schema); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatal(err)
	}
	return violations("$", schema, answer)
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

// A key is saved in all its formats or in none.
func TestSaveAllOrNone(t *testing.T) {
	dir := t.TempDir()
	o := keyCreateOptions{name: "work", out: dir, formats: []keystore.Format{keystore.OpenSSH, keystore.PKCS8, keystore.PPK}}
	inTheWay := filepath.Join(dir, "work.ppk")
	if err := os.WriteFile(inTheWay, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := o.save(newKey(t), nil, []byte("sesame")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("saved over a file: %v", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	if kept, err := os.ReadFile(inTheWay); err != nil || string(kept) != "mine" {
		t.Errorf("the file in the way is %q, %v", kept, err)
	}
}

func TestReadPassphrase(t *testing.T) {
	for content, want := range map[string]string{
		"one\ntwo\n": "one", "one\r\n": "one", "one": "one", " a b \n": " a b ", "\n": "", "": "", "f\u00fcr": "f\u00fcr",
		strings.Repeat("x", maxPassphrase): strings.Repeat("x", maxPassphrase),
	} {
		path := filepath.Join(t.TempDir(), "passphrase")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := (&process{}).readPassphrase(path); err != nil || string(got) != want {
			t.Errorf("%.20q: got %.20q, %v", content, got, err)
		}
	}
	long := filepath.Join(t.TempDir(), "long")
	if err := os.WriteFile(long, []byte(strings.Repeat("x", maxPassphrase+1)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (&process{}).readPassphrase(long); err == nil {
		t.Error("too long a line is taken")
	}
}
