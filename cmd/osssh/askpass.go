package main

import (
	"bytes"
	"context"
	"os/exec"
)

// askpass runs an askpass program, as ssh does: the question is its one
// argument, its first output line the answer.
func askpass(ctx context.Context, program, question string) ([]byte, error) {
	out, err := exec.CommandContext(ctx, program, question).Output()
	line, _, _ := bytes.Cut(out, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r")), err
}
