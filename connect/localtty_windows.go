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
	console := windows.Handle(out.Fd())
	var before uint32
	if err := windows.GetConsoleMode(console, &before); err != nil {
		return func() {}
	}
	const raw = windows.ENABLE_PROCESSED_OUTPUT | windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING | windows.DISABLE_NEWLINE_AUTO_RETURN
	if err := windows.SetConsoleMode(console, before|raw); err != nil {
		return func() {}
	}
	return func() { _ = windows.SetConsoleMode(console, before) }
}

// terminalModes is empty: a Windows console has none of RFC 4254 section 8, and
// a server's own are right for a raw client.
func terminalModes(*os.File) []byte { return []byte{ttyOpEnd} }

func terminalSize(f *os.File) (windowSize, error) {
	columns, rows, err := term.GetSize(int(f.Fd()))
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
