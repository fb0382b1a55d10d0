package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"osssh/e2e/script"
	"osssh/internal/demo"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"osssh": main})
}

// TestScripts runs each script against a demo cloud of its own. Those of
// e2e/scripts/shared run against a real OpenStack too.
func TestScripts(t *testing.T) {
	for _, dir := range []string{"testdata", filepath.Join("..", "..", "e2e", "scripts", "shared")} {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			commands := script.Commands()
			for name, command := range demoCommands() {
				commands[name] = command
			}
			testscript.Run(t, testscript.Params{
				Dir: dir, Cmds: commands, Setup: withDemo,
				RequireExplicitExec: true, RequireUniqueNames: true,
			})
		})
	}
}

type cloudKey struct{}

// withDemo starts a demo cloud for a script and points it there.
func withDemo(env *testscript.Env) error {
	cloud, err := demo.Start(context.Background(), demo.Options{})
	if err != nil {
		return err
	}
	env.Defer(func() { _ = cloud.Close() })
	env.Values[cloudKey{}] = cloud
	env.Vars = append(env.Vars, cloud.Env()...)
	env.Setenv("SSH_ASKPASS", "")
	env.Setenv("GORACE", "atexit_sleep_ms=0") // else each osssh of a race build ends a second late
	return nil
}

// demoCommands steer the demo cloud:
//
//	fault JSON                 injects a fault (see demo.Fault)
//	heal                       takes faults back
//	calls N [SERVICE [PREFIX]] counts the calls since the last forget, of all clouds; "-" is any
//	                           number. Its stdout is "calls: N", "bytes: M" and a line for each
//	forget                     forgets the calls so far
//	grow N                     adds N servers that are records only
//	boot NAME KEYPAIR [K=V...] makes a server, with metadata
//	act NAME ACTION            does something with a server
func demoCommands() map[string]func(*testscript.TestScript, bool, []string) {
	cloudOf := func(ts *testscript.TestScript) *demo.Cloud { return ts.Value(cloudKey{}).(*demo.Cloud) }
	return map[string]func(*testscript.TestScript, bool, []string){
		"fault": func(ts *testscript.TestScript, _ bool, args []string) {
			var fault demo.Fault
			ts.Check(json.Unmarshal([]byte(strings.Join(args, " ")), &fault))
			ts.Check(cloudOf(ts).Inject(fault))
		},
		"boot":   boot,
		"act":    doAct,
		"groups": bindGroups,
		"state":  saveState,
		"heal":   func(ts *testscript.TestScript, _ bool, _ []string) { cloudOf(ts).ClearFaults() },
		"forget": func(ts *testscript.TestScript, _ bool, _ []string) { cloudOf(ts).ResetCalls() },
		"grow": func(ts *testscript.TestScript, _ bool, args []string) {
			n, err := strconv.Atoi(strings.Join(args, " "))
			ts.Check(err)
			cloudOf(ts).Grow(n)
		},
		"calls": func(ts *testscript.TestScript, _ bool, args []string) { count(ts, cloudOf(ts).Calls(), args) },
	}
}

// count holds the calls that fit against a number, and tells what they cost.
func count(ts *testscript.TestScript, calls []demo.Call, args []string) {
	if len(args) == 0 {
		ts.Fatalf("usage: calls N|- [SERVICE [PREFIX]]")
	}
	var got []string
	var bytes int64
	for _, call := range calls {
		if (len(args) < 2 || call.Service == args[1]) && (len(args) < 3 || strings.HasPrefix(call.Path, args[2])) {
			got = append(got, call.Method+" "+call.Service+call.Path)
			bytes += call.Bytes
		}
	}
	list := strings.Join(got, "\n")
	_, err := fmt.Fprintf(ts.Stdout(), "calls: %d\nbytes: %d\n%s\n", len(got), bytes, list)
	ts.Check(err)
	if args[0] == "-" {
		return
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	if len(got) != want {
		ts.Fatalf("%d calls, want %d:\n%s", len(got), want, list)
	}
}
