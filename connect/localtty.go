package connect

import (
	"os"
	"sync"

	"golang.org/x/term"
)

// localTTY is the local terminal of a session, or nothing at all: then its
// methods do nothing.
type localTTY struct {
	in, out *os.File // nil: no terminal
	modes   []byte   // as they were, RFC 4254 section 8

	mu   sync.Mutex
	undo func() // of raw mode; nil: not raw
}

func newLocalTTY(opts SessionOptions) *localTTY {
	t := &localTTY{}
	if opts.Local != nil && opts.PTY != nil {
		t.in, t.out = terminalOrNil(opts.Local.In), terminalOrNil(opts.Local.Out)
	}
	t.modes = terminalModes(t.in)
	return t
}

func terminalOrNil(f *os.File) *os.File {
	isTerminal := false
	if f != nil {
		_ = onFD(f, func(fd int) error { isTerminal = term.IsTerminal(fd); return nil })
	}
	if !isTerminal {
		return nil
	}
	return f
}

// onFD calls do with f's descriptor or handle. (*os.File).Fd would make f
// blocking for good, under the hands of whoever reads it.
func onFD(f *os.File, do func(fd int) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var result error
	if err := raw.Control(func(fd uintptr) { result = do(int(fd)) }); err != nil {
		return err
	}
	return result
}

// makeRaw hands every key to the remote. A terminal that refuses stays as it
// is: the session works, if badly, as in ssh.
func (t *localTTY) makeRaw() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.in == nil || t.undo != nil {
		return
	}
	var state *term.State
	err := onFD(t.in, func(fd int) (err error) { state, err = term.MakeRaw(fd); return err })
	if err != nil {
		return
	}
	undoOutput := makeOutputRaw(t.out)
	t.undo = func() {
		undoOutput()
		_ = onFD(t.in, func(fd int) error { return term.Restore(fd, state) })
	}
}

// restore undoes makeRaw; it may be called any number of times.
func (t *localTTY) restore() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.undo != nil {
		t.undo()
		t.undo = nil
	}
}

// spawn runs f in a goroutine. If f panics the terminal is restored first: a
// panic ends the process without the deferred calls of other goroutines.
func (t *localTTY) spawn(f func()) {
	go func() {
		defer func() {
			if p := recover(); p != nil {
				t.restore()
				panic(p)
			}
		}()
		f()
	}()
}

// size is that of the terminal; it says false if there is none.
func (t *localTTY) size() (windowSize, bool) {
	for _, f := range []*os.File{t.out, t.in} {
		if f == nil {
			continue
		}
		if size, err := terminalSize(f); err == nil {
			return size, true
		}
	}
	return windowSize{}, false
}

// follow calls changed after each change of size, until ended is closed.
func (t *localTTY) follow(ended <-chan struct{}, changed func()) {
	if t.in != nil || t.out != nil {
		t.spawn(watchSize(t, ended, changed))
	}
}
