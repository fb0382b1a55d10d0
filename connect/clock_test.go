package connect

import (
	"testing"
	"time"
)

func TestClockRunsOut(t *testing.T) {
	expired := make(chan struct{})
	c := startClock(20*time.Millisecond, func() { close(expired) })
	<-expired
	if !c.stop() {
		t.Error("does not know that it ran out")
	}
}

func TestClockStandsStillWhilePaused(t *testing.T) {
	expired := make(chan struct{})
	c := startClock(100*time.Millisecond, func() { close(expired) })
	first, second := c.pause(), c.pause()
	time.Sleep(150 * time.Millisecond)
	first()
	select {
	case <-expired:
		t.Fatal("ran although one pause was open")
	case <-time.After(150 * time.Millisecond):
	}
	second()
	start := time.Now()
	<-expired
	if ran := time.Since(start); ran < 50*time.Millisecond {
		t.Errorf("ran out after %v: the pause was counted", ran)
	}
}

func TestClockStopped(t *testing.T) {
	c := startClock(20*time.Millisecond, func() { t.Error("expired") })
	resume := c.pause()
	if c.stop() {
		t.Error("says that it ran out")
	}
	resume()
	time.Sleep(60 * time.Millisecond)
}
