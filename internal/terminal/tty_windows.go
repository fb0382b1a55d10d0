package terminal

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/sys/windows"
)

func openTTY() (in, out *os.File, err error) {
	if in, err = os.OpenFile("CONIN$", os.O_RDWR, 0); err != nil {
		return nil, nil, err
	}
	if out, err = os.OpenFile("CONOUT$", os.O_RDWR, 0); err != nil {
		_ = in.Close()
		return nil, nil, err
	}
	return in, out, nil
}

// AskSecret is Ask without echo. The terminal is as it was when it returns.
func (t *TTY) AskSecret(ctx context.Context, question string) ([]byte, error) {
	restore, err := silence(t.in)
	if err != nil {
		return nil, err
	}
	defer restore()
	fmt.Fprint(t.out, question)
	defer fmt.Fprintln(t.out)
	line, err := t.readLine(ctx)
	return []byte(line), err
}

// silence turns echo off and leaves line editing and ctrl-C on.
func silence(f *os.File) (restore func(), err error) {
	console := windows.Handle(f.Fd())
	var was uint32
	if err := windows.GetConsoleMode(console, &was); err != nil {
		return nil, err
	}
	quiet := was&^windows.ENABLE_ECHO_INPUT | windows.ENABLE_LINE_INPUT | windows.ENABLE_PROCESSED_INPUT
	if err := windows.SetConsoleMode(console, quiet); err != nil {
		return nil, err
	}
	return func() { _ = windows.SetConsoleMode(console, was) }, nil
}
