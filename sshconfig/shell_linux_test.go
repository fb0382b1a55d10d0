package sshconfig

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestShellKillsWhatTheCommandStarted(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	file := filepath.Join(t.TempDir(), "pid")
	if _, err := (Shell{Path: "/bin/sh"}).Exec(ctx, "sleep 60 & echo $! >"+file+"; wait"); err == nil {
		t.Fatal("the command came to its end")
	}
	pid, err := strconv.Atoi(strings.TrimSpace(read(t, file)))
	if err != nil {
		t.Fatal(err)
	}
	// A killed process stays a zombie until init has taken it: then it has no
	// command line any more.
	for range 100 {
		if line, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline"); err != nil || len(line) == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("process %d still runs", pid)
}
