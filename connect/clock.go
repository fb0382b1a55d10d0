package connect

import (
	"sync"
	"time"
)

// clock is a deadline that stands still while somebody is being asked.
type clock struct {
	mu      sync.Mutex
	timer   *time.Timer
	left    time.Duration // at the last start
	since   time.Time     // of the last start
	waiting int           // how many pauses are open
	done    bool          // expired or stopped
	expired bool
}

// startClock calls expire once, when limit has run down.
func startClock(limit time.Duration, expire func()) *clock {
	c := &clock{left: limit, since: time.Now()}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.timer = time.AfterFunc(limit, func() {
		if c.expire() {
			expire()
		}
	})
	return c
}

// expire says whether the time is really up: the timer may fire just as the
// clock is paused or stopped.
func (c *clock) expire() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done || c.waiting > 0 {
		return false
	}
	c.done, c.expired = true, true
	return true
}

// pause stops the clock until the function that it returns is called.
func (c *clock) pause() (resume func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting == 0 {
		c.timer.Stop()
		c.left -= time.Since(c.since)
	}
	c.waiting++
	return c.resume
}

func (c *clock) resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting--
	if c.waiting > 0 || c.done {
		return
	}
	c.since = time.Now()
	c.timer.Reset(max(c.left, 0))
}

// stop ends the clock and says whether its time had run out.
func (c *clock) stop() (expired bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.timer.Stop()
	c.done = true
	return c.expired
}
