//go:build e2e

// Package e2e runs osssh against the real OpenStack of e2e/cloud.
package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"osssh/e2e/script"
)

// state is where e2e/cloud keeps the cloud's files.
func state() string {
	if dir := os.Getenv("REALCLOUD_DIR"); dir != "" {
		return dir
	}
	return "/var/tmp/realcloud"
}

// TestReal runs every script against the real cloud, and ends with a table of
// what passed.
func TestReal(t *testing.T) {
	bin := t.TempDir()
	build := exec.Command("go", "build", "-tags", "urfave_cli_no_docs", "-o", filepath.Join(bin, "osssh"), "../cmd/osssh")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	laptop, err := filepath.Abs("cloud/client")
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	passed, failed := 0, 0
	for _, dir := range []string{"shared", "real"} {
		files, err := filepath.Glob(filepath.Join("scripts", dir, "*.txtar"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no scripts in %s (%v)", dir, err)
		}
		for _, file := range files {
			began, verdict := time.Now(), "passed"
			if t.Run(dir+"/"+strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
				testscript.Run(t, testscript.Params{
					Files: []string{file}, Cmds: script.Commands(laptop),
					RequireExplicitExec: true, RequireUniqueNames: true,
					Setup: func(env *testscript.Env) error { return setup(env, bin) },
				})
			}) {
				passed++
			} else {
				failed, verdict = failed+1, "FAILED"
			}
			fmt.Fprintf(&table, "  %-7s %6.1f s  %s\n", verdict, time.Since(began).Seconds(), file)
		}
	}
	fmt.Printf("\nagainst the real OpenStack:\n%s%d passed, %d failed\n", table.String(), passed, failed)
}

// setup gives a script the demo project of the cloud, and its keys in ~/.ssh.
func setup(env *testscript.Env, bin string) error {
	home := filepath.Join(env.WorkDir, "home")
	env.Setenv("HOME", home)
	env.Setenv("PATH", bin+string(os.PathListSeparator)+env.Getenv("PATH"))
	env.Setenv("OS_CLIENT_CONFIG_FILE", filepath.Join(state(), "clouds.yaml"))
	env.Setenv("OS_CLOUD", "demo")
	cloud, err := filepath.Abs("cloud")
	if err != nil {
		return err
	}
	env.Setenv("CLOUD", cloud)
	env.Setenv("XDG_CACHE_HOME", filepath.Join(home, ".cache"))
	env.Setenv("SSH_AUTH_SOCK", "")
	return prepareHome(home)
}

// prepareHome puts the cloud's private keys into a home directory.
func prepareHome(home string) error {
	if err := os.MkdirAll(filepath.Join(home, ".ssh"), 0o700); err != nil {
		return err
	}
	for _, name := range []string{"ed25519", "rsa", "ecdsa", "generated"} {
		key, err := os.ReadFile(filepath.Join(state(), "keys", name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(home, ".ssh", name), key, 0o600); err != nil {
			return err
		}
	}
	return nil
}
