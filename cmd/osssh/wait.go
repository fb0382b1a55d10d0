package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"osssh/internal/console"
	"osssh/internal/openstack"
	"osssh/internal/terminal"
	"osssh/reach"
)

// defaultWait is how long --wait waits unless it is told.
const defaultWait = 10 * time.Minute

// isWaitFlag says whether a word is --wait or --wait=DURATION: its value is
// never the next word.
func isWaitFlag(word string) bool { return word == "--wait" || strings.HasPrefix(word, "--wait=") }

// parseWait reads that word.
func parseWait(word string) (time.Duration, error) {
	_, value, given := strings.Cut(word, "=")
	if !given {
		return defaultWait, nil
	}
	limit, err := time.ParseDuration(value)
	if err != nil || limit <= 0 {
		return 0, &usageError{fmt.Sprintf("--wait=%s is no duration, such as 90s or 10m", value)}
	}
	return limit, nil
}

// startServer asks whether a server that is down may be started.
func (u *ui) startServer(ctx context.Context, server openstack.Server, action openstack.PowerAction) (yes bool, err error) {
	err = u.ask(func(tty *terminal.TTY) error {
		var err error
		yes, err = tty.Confirm(ctx, fmt.Sprintf("%s is %s. %s it?", terminal.Sanitize(server.Name), terminal.Sanitize(server.Status), startWord(action)))
		return err
	})
	if errors.Is(err, terminal.ErrNoTerminal) {
		return false, nil
	}
	return yes, err
}

// startWord is what an action does, as the first word of a question.
func startWord(action openstack.PowerAction) string {
	switch action {
	case openstack.Unpause:
		return "Unpause"
	case openstack.Resume:
		return "Resume"
	case openstack.Unshelve:
		return "Unshelve"
	}
	return "Start"
}

func sayNotReady(e *reach.NotReadyError) words {
	name, limit := e.Server.Name, duration(e.Limit)
	if e.Server.Status != "ACTIVE" && e.Boot.Reached() == "" {
		return words{what: fmt.Sprintf("%s is still %s after %s", name, e.Server.Status, limit), hint: "openstack server show " + terminal.Quote(e.Server.ID)}
	}
	w := words{
		what: fmt.Sprintf("%s did not answer SSH within %s: ", name, limit),
		hint: "openstack console log show " + terminal.Quote(e.Server.ID),
	}
	if reached := e.Boot.Reached(); reached != "" {
		w.what += "the console came as far as " + reached.Name()
	} else {
		w.what += "the console shows nothing of a boot"
	}
	for _, fault := range e.Boot.Faults {
		w.more = append(w.more, "it says: "+fault.Line)
	}
	return w
}

// duration is a time as people say it.
func duration(d time.Duration) string {
	if d >= 2*time.Minute && d%time.Minute == 0 {
		return fmt.Sprintf("%d min", d/time.Minute)
	}
	return fmt.Sprintf("%g s", d.Seconds())
}

func sayBoot(e *reach.BootError) words {
	ends := map[console.FaultID]string{
		console.KernelPanic:      "its kernel has panicked",
		console.EmergencyMode:    "it has fallen into emergency mode",
		console.GRUBRescue:       "the boot loader finds no system",
		console.NoBootableDevice: "it has no disk to boot from",
	}
	return words{
		what: fmt.Sprintf("%s will not come up: %s", e.Server.Name, ends[e.Fault.ID]),
		more: []string{"its console says: " + e.Fault.Line},
		hint: "openstack server rescue " + terminal.Quote(e.Server.ID),
	}
}

func sayStart(e *reach.StartError) words {
	verb := strings.ToLower(startWord(e.Action))
	if e.Err == nil {
		return words{
			what: fmt.Sprintf("nova was asked to %s %s, and it is %s again", verb, e.Server.Name, e.Server.Status),
			hint: "openstack server event list " + terminal.Quote(e.Server.ID),
		}
	}
	w := explain(e.Err)
	w.what = fmt.Sprintf("%s is %s, and nova does not %s it: %s", e.Server.Name, e.Server.Status, verb, w.what)
	switch {
	case e.Server.Locked:
		w.hint = "openstack server unlock " + terminal.Quote(e.Server.ID)
	case openstack.IsForbidden(e.Err):
		w.hint = "ask for the role member in this project"
	}
	return w
}
