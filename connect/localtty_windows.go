package connect

import (
	"os"
	"time"

	"golang.org/x/sys/windows"
	"golang.org/x/term"
)

// makeOutputRaw has the console understand what remote terminals are sent.
func makeOutputRaw(out *os.File) (undo func()) {
	if out == nil {
		return func() {}
	}
	const raw = windows.ENABLE_PROCESSED_OUTPUT | windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING | windows.DISABLE_NEWLINE_AUTO_RETURN
	var before uint32
	set := func(mode uint32) error {
		return onFD(out, func(fd int) error { return windows.SetConsoleMode(windows.Handle(fd), mode) })
	}
	err := onFD(out, func(fd int) error { return windows.GetConsoleMode(windows.Handle(fd), &before) })
	if err != nil || set(before|raw) != nil {
		return func() {}
	}
	return func() { _ = set(before) }
}

// terminalModes is empty: a Windows console has none of RFC 4254 section 8, and
// a server's own are right for a raw client.
func terminalModes(*os.File) []byte { return []byte{ttyOpEnd} }

func terminalSize(f *os.File) (windowSize, error) {
	var columns, rows int
	err := onFD(f, func(fd int) (err error) { columns, rows, err = term.GetSize(fd); return err })
	if err != nil {
		return windowSize{}, err
	}
	return windowSize{Columns: uint32(columns), Rows: uint32(rows)}, nil
}

// sizePoll is how often the size is looked at: Windows sends no signal.
const sizePoll = time.Second

func watchSize(t *localTTY, ended <-chan struct{}, changed func()) func() {
	last, _ := t.size()
	return func() {
		tick := time.NewTicker(sizePoll)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				if now, ok := t.size(); ok && now != last {
					last = now
					changed()
				}
			case <-ended:
				return
			}
		}
	}
}

// isRaw says whether makeRaw is in force.
func (t *localTTY) isRaw() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.undo != nil
}
