package terminal

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/term"
)

// maxAnswer bounds what is read as one answer, in bytes.
const maxAnswer = 4096

// ErrNoTerminal says that there is nobody to ask.
var ErrNoTerminal = errors.New("no terminal to ask on")

// TTY is the controlling terminal. Questions go there and not to standard
// input and output, which may be a pipe.
type TTY struct {
	in, out *os.File
}

// OpenTTY opens the controlling terminal, or says ErrNoTerminal.
func OpenTTY() (*TTY, error) {
	in, out, err := openTTY()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoTerminal, err)
	}
	return &TTY{in: in, out: out}, nil
}

// Close gives the terminal back.
func (t *TTY) Close() error {
	if t.in != t.out {
		_ = t.out.Close()
	}
	return t.in.Close()
}

// Ask writes the question and reads one line. A cancelled context ends the
// waiting; so does the end of input, with io.EOF.
func (t *TTY) Ask(ctx context.Context, question string) (string, error) {
	fmt.Fprint(t.out, question)
	return t.readLine(ctx)
}

// readLine reads in a goroutine of its own, for a terminal read cannot always
// be interrupted. One that is left behind ends with the process.
func (t *TTY) readLine(ctx context.Context) (string, error) {
	type answer struct {
		line string
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		line, err := bufio.NewReader(io.LimitReader(t.in, maxAnswer)).ReadString('\n')
		if line != "" && errors.Is(err, io.EOF) {
			err = nil
		}
		answered <- answer{strings.TrimRight(line, "\r\n"), err}
	}()
	select {
	case a := <-answered:
		return a.line, a.err
	case <-ctx.Done():
		fmt.Fprintln(t.out)
		return "", ctx.Err()
	}
}

// Confirm asks a question that only "y" or "yes" affirms.
func (t *TTY) Confirm(ctx context.Context, question string) (bool, error) {
	line, err := t.Ask(ctx, question+" [y/N] ")
	if err != nil {
		return false, err
	}
	answer := strings.ToLower(strings.TrimSpace(line))
	return answer == "y" || answer == "yes", nil
}

// Choose lists the choices numbered from 1 and asks for one. It returns the
// index, from 0, or an error after three answers that are none.
func (t *TTY) Choose(ctx context.Context, title string, choices []string) (int, error) {
	var list bytes.Buffer
	fmt.Fprintln(&list, title)
	for i, choice := range choices {
		fmt.Fprintf(&list, "  %d) %s\n", i+1, choice)
	}
	if _, err := t.out.Write(list.Bytes()); err != nil {
		return 0, err
	}
	for range 3 {
		line, err := t.Ask(ctx, fmt.Sprintf("which one? [1-%d] ", len(choices)))
		if err != nil {
			return 0, err
		}
		n, err := strconv.Atoi(strings.TrimSpace(line))
		if err == nil && n >= 1 && n <= len(choices) {
			return n - 1, nil
		}
	}
	return 0, errors.New("none was chosen")
}

// IsTerminal says whether f is a terminal.
func IsTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// Width is the number of columns of the terminal f, or 0 where f is none.
func Width(f *os.File) int {
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}
