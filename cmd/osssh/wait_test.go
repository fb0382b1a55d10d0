package main

import (
	"errors"
	"testing"
	"time"

	"osssh/internal/console"
	"osssh/internal/openstack"
	"osssh/reach"
)

func TestParseWait(t *testing.T) {
	for _, test := range []struct {
		word string
		want time.Duration // 0: an error
	}{
		{"--wait", 10 * time.Minute},
		{"--wait=90s", 90 * time.Second},
		{"--wait=1h30m", 90 * time.Minute},
		{"--wait=", 0},
		{"--wait=90", 0},
		{"--wait=0s", 0},
		{"--wait=-5s", 0},
		{"--wait=soon", 0},
	} {
		got, err := parseWait(test.word)
		var usage *usageError
		if got != test.want || errors.As(err, &usage) != (test.want == 0) {
			t.Errorf("%s: %s, %v", test.word, got, err)
		}
	}
}

func TestDuration(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"0.5 s": 500 * time.Millisecond, "90 s": 90 * time.Second, "60 s": time.Minute, "2 min": 2 * time.Minute, "130 s": 130 * time.Second, "90 min": 90 * time.Minute,
	} {
		if got := duration(d); got != want {
			t.Errorf("%s: %q", d, got)
		}
	}
}

func TestWaitWords(t *testing.T) {
	web := openstack.Server{ID: "1", Name: "web", Status: "ACTIVE"}
	building := openstack.Server{ID: "1", Name: "web", Status: "BUILD"}
	down := openstack.Server{ID: "1", Name: "web", Status: "SHUTOFF"}
	boot := console.Parse("Linux version 6.1.0\nNo DHCPOFFERS received.\n")
	for _, test := range []struct {
		err  error
		what string
		more string // the first line of it
	}{
		{&reach.NotReadyError{Server: web, Limit: 90 * time.Second, Boot: boot},
			"web did not answer SSH within 90 s: the console came as far as the kernel", "it says: No DHCPOFFERS received."},
		{&reach.NotReadyError{Server: web, Limit: 10 * time.Minute}, "web did not answer SSH within 10 min: the console shows nothing of a boot", ""},
		{&reach.NotReadyError{Server: building, Limit: time.Second}, "web is still BUILD after 1 s", ""},
		{&reach.BootError{Server: web, Fault: console.Fault{ID: console.EmergencyMode, Line: "You are in emergency mode"}},
			"web will not come up: it has fallen into emergency mode", "its console says: You are in emergency mode"},
		{&reach.StartError{Server: down, Action: openstack.Start}, "nova was asked to start web, and it is SHUTOFF again", ""},
	} {
		w := explain(test.err)
		more := ""
		if len(w.more) > 0 {
			more = w.more[0]
		}
		if w.what != test.what || more != test.more || w.hint == "" {
			t.Errorf("%v: %+v", test.err, w)
		}
	}
}
