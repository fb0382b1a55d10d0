package main

import (
	"encoding/json"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"osssh/internal/demo"
)

// onDemo points this process to a demo cloud of its own.
func onDemo(t *testing.T, o demo.Options) *demo.Cloud {
	t.Helper()
	cloud, err := demo.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cloud.Close() })
	for _, variable := range cloud.Env() {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value)
	}
	return cloud
}

// osssh runs a command line and gives what it wrote.
func osssh(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	in, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, errs := scratch(t), scratch(t)
	status = run(append([]string{"osssh"}, args...), in, out, errs)
	return status, content(t, out), content(t, errs)
}

func scratch(t *testing.T) *os.File {
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func content(t *testing.T, f *os.File) string {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A listing costs the same calls for any number of servers, but for its pages,
// each of which may be made from further images.
func TestListAsksInBulk(t *testing.T) {
	calls := func(servers int) (pages, others int) {
		cloud := onDemo(t, demo.Options{Servers: servers})
		status, stdout, stderr := osssh(t, "--no-cache", "list")
		if status != 0 || strings.Count(stdout, "\n") < servers || stderr != "" {
			t.Fatalf("status %d, %d lines, %q", status, strings.Count(stdout, "\n"), stderr)
		}
		for _, call := range cloud.Calls() {
			if strings.HasPrefix(call.Path, "/v2.1/servers/detail") {
				pages++
			} else {
				others++
			}
		}
		return pages, others
	}
	fewPages, few := calls(10)
	manyPages, many := calls(1500)
	if many > few+manyPages-1 || few > 12 {
		t.Errorf("%d calls for 10 servers, %d for 1500", few, many)
	}
	if fewPages != 1 || manyPages != 2 {
		t.Errorf("%d pages for 10 servers, %d for 1500", fewPages, manyPages)
	}
}

// What --json prints is what docs/list.schema.json says.
func TestListJSON(t *testing.T) {
	onDemo(t, demo.Options{})
	_, stdout, _ := osssh(t, "list", "--json")
	var answer struct {
		Schema  string
		Servers []map[string]any
	}
	if err := json.Unmarshal([]byte(stdout), &answer); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "list.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Properties struct {
			Schema  struct{ Const string }
			Servers struct {
				Items struct {
					Required   []string
					Properties map[string]any
				}
			}
		}
	}
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	if answer.Schema != schema.Properties.Schema.Const {
		t.Errorf("schema %q, documented %q", answer.Schema, schema.Properties.Schema.Const)
	}
	items := schema.Properties.Servers.Items
	if _, ok := items.Properties["cloud"]; !ok {
		t.Error("the property of --all-clouds is not documented")
	}
	delete(items.Properties, "cloud")
	documented := slices.Sorted(maps.Keys(items.Properties))
	if !slices.Equal(documented, slices.Sorted(slices.Values(items.Required))) {
		t.Error("a property is documented and not required, or the other way round")
	}
	if len(answer.Servers) == 0 {
		t.Fatal("no servers")
	}
	for _, server := range answer.Servers {
		if got := slices.Sorted(maps.Keys(server)); !slices.Equal(got, documented) {
			t.Errorf("server has %q, documented are %q", got, documented)
		}
	}
}

// --debug shows calls with their request ids, and no secret.
func TestDebugShowsNoSecret(t *testing.T) {
	cloud := onDemo(t, demo.Options{})
	_, _, stderr := osssh(t, "--debug", "web", "true")
	if !strings.Contains(stderr, "GET http://") || !strings.Contains(stderr, " req-") {
		t.Errorf("no calls in %q", stderr)
	}
	config, err := os.ReadFile(filepath.Join(cloud.Home(), "clouds.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var secrets []string
	for line := range strings.Lines(string(config)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if name == "password" || strings.HasSuffix(name, "secret") {
			secrets = append(secrets, strings.Trim(value, `"'`))
		}
	}
	tokens, err := filepath.Glob(filepath.Join(cloud.Home(), ".cache", "osssh", "tokens", "*.json"))
	if err != nil || len(tokens) != 1 {
		t.Fatalf("cached tokens %q, %v", tokens, err)
	}
	cached, err := os.ReadFile(tokens[0])
	if err != nil {
		t.Fatal(err)
	}
	var session map[string]any
	if err := json.Unmarshal(cached, &session); err != nil {
		t.Fatal(err)
	}
	for name, value := range session {
		if strings.EqualFold(name, "token") {
			secrets = append(secrets, value.(string))
		}
	}
	if len(secrets) < 3 {
		t.Fatalf("found only %d secrets to look for", len(secrets))
	}
	for _, secret := range secrets {
		if strings.Contains(stderr, secret) {
			t.Errorf("secret %q is shown", secret)
		}
	}
}
