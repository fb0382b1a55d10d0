// Package script holds the commands that osssh's test scripts have beyond
// testscript's own, so that one script runs against the demo cloud and against
// a real OpenStack.
package script

import (
	"errors"
	"os/exec"
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// Commands are the commands that every script has:
//
//	exits N [-within 4s] PROGRAM ARG...
//	    runs the program, which must exit with N, and in that time
//	laptop exits ...
//	    the same on the machine that stands for the user's own. Prefix is put
//	    before the program there.
func Commands(prefix ...string) map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"exits": func(ts *testscript.TestScript, neg bool, args []string) { exits(ts, neg, args, nil) },
		"laptop": func(ts *testscript.TestScript, neg bool, args []string) {
			if len(args) < 1 || args[0] != "exits" {
				ts.Fatalf("usage: laptop exits N [-within DURATION] PROGRAM ARG...")
			}
			exits(ts, neg, args[1:], prefix)
		},
	}
}

func exits(ts *testscript.TestScript, neg bool, args, prefix []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits N [-within DURATION] PROGRAM ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	args = args[1:]
	limit := time.Minute
	if args[0] == "-within" && len(args) > 2 {
		limit, err = time.ParseDuration(args[1])
		ts.Check(err)
		args = args[2:]
	}
	args = append(append([]string(nil), prefix...), args...)
	began := time.Now()
	got := status(ts, ts.Exec(args[0], args[1:]...))
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
	if took := time.Since(began); took > limit {
		ts.Fatalf("took %s, more than %s", took.Round(time.Millisecond), limit)
	}
}

func status(ts *testscript.TestScript, err error) int {
	var exited *exec.ExitError
	if err != nil && !errors.As(err, &exited) {
		ts.Fatalf("%v", err)
	}
	if exited == nil {
		return 0
	}
	return exited.ExitCode()
}
