package terminal

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestProgressIsSilentWhenQuick(t *testing.T) {
	var out bytes.Buffer
	p := StartProgress(&out)
	p.Stage("asking nova")
	p.Stop()
	p.Stop()
	if out.Len() != 0 {
		t.Errorf("drawn: %q", out.String())
	}
}

func TestProgressWipesItsLine(t *testing.T) {
	var out bytes.Buffer
	p := StartProgress(&out)
	p.Stage("asking \x1b[2Jnova")
	time.Sleep(progressDelay + 250*time.Millisecond)
	p.Stop()
	got := out.String()
	if !strings.Contains(got, "asking [2Jnova") || !strings.HasSuffix(got, "\r\x1b[K") {
		t.Errorf("drawn: %q", got)
	}
}

func TestNoProgress(*testing.T) {
	var p *Progress
	p.Stage("x")
	p.Stop()
}
