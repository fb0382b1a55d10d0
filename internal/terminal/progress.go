package terminal

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// progressDelay is how long something may take before it is worth a word.
const progressDelay = 300 * time.Millisecond

var spinnerFrames = [...]string{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"}

// Progress shows the stage of a longer work on one line of a terminal, and
// wipes it away when it stops. A nil *Progress shows nothing.
type Progress struct {
	mu    sync.Mutex
	w     io.Writer
	stage string
	drawn bool
	done  chan struct{}
	ended sync.WaitGroup
}

// StartProgress begins to show on w, which must be a terminal; nothing is
// drawn in the first 300 ms.
func StartProgress(w io.Writer) *Progress {
	p := &Progress{w: w, done: make(chan struct{})}
	p.ended.Go(p.spin)
	return p
}

// Stage says what is being done now.
func (p *Progress) Stage(stage string) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stage = Sanitize(stage)
}

// Pause runs f on a clean line, and goes on below it.
func (p *Progress) Pause(f func()) {
	if p == nil {
		f()
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wipe()
	f()
}

// Stop wipes the line. What is written after it stands on a clean line. It may
// be called more than once.
func (p *Progress) Stop() {
	if p == nil {
		return
	}
	p.mu.Lock()
	select {
	case <-p.done:
	default:
		close(p.done)
	}
	p.mu.Unlock()
	p.ended.Wait()
}

func (p *Progress) spin() {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	began := time.Now()
	for frame := 0; ; frame++ {
		select {
		case <-p.done:
			p.Pause(func() {})
			return
		case <-tick.C:
			if time.Since(began) >= progressDelay {
				p.draw(spinnerFrames[frame%len(spinnerFrames)])
			}
		}
	}
}

func (p *Progress) draw(frame string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stage != "" {
		fmt.Fprintf(p.w, "\r\x1b[K%s %s", frame, p.stage)
		p.drawn = true
	}
}

func (p *Progress) wipe() {
	if p.drawn {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.drawn = false
	}
}
