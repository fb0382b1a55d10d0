package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// transition is a server action that leads from one of some statuses to
// another. While it goes on the server has the task state, and the status busy
// if it is not "" (nova/compute/task_states.py; nova/api/openstack/common.py, _STATE_MAP).
type transition struct {
	verb string // in nova's refusals and its action log
	from []string
	to   string
	task string
	busy string
	off  bool // the guest stops when the task begins
	boot bool // and starts anew when it ends
}

var transitions = map[string]transition{
	"os-stop":  {verb: "stop", from: []string{"ACTIVE", "ERROR"}, to: "SHUTOFF", task: "powering-off", off: true},
	"os-start": {verb: "start", from: []string{"SHUTOFF"}, to: "ACTIVE", task: "powering-on", boot: true},
	"reboot": {verb: "reboot", from: []string{"ACTIVE", "SHUTOFF", "PAUSED", "SUSPENDED", "ERROR"}, to: "ACTIVE",
		task: "rebooting", busy: "REBOOT", off: true, boot: true},
	"pause":   {verb: "pause", from: []string{"ACTIVE"}, to: "PAUSED", task: "pausing"},
	"unpause": {verb: "unpause", from: []string{"PAUSED"}, to: "ACTIVE", task: "unpausing"},
	"suspend": {verb: "suspend", from: []string{"ACTIVE"}, to: "SUSPENDED", task: "suspending"},
	"resume":  {verb: "resume", from: []string{"SUSPENDED"}, to: "ACTIVE", task: "resuming"},
	"shelve": {verb: "shelve", from: []string{"ACTIVE", "SHUTOFF", "PAUSED", "SUSPENDED"}, to: "SHELVED_OFFLOADED",
		task: "shelving", off: true},
	"unshelve": {verb: "unshelve", from: []string{"SHELVED", "SHELVED_OFFLOADED"}, to: "ACTIVE", task: "unshelving", boot: true},
	"rescue":   {verb: "rescue", from: []string{"ACTIVE", "SHUTOFF", "ERROR"}, to: "RESCUE", task: "rescuing", off: true, boot: true},
	"unrescue": {verb: "unrescue", from: []string{"RESCUE"}, to: "ACTIVE", task: "unrescuing", off: true, boot: true},
	"rebuild": {verb: "rebuild", from: []string{"ACTIVE", "SHUTOFF", "ERROR", "PAUSED", "SUSPENDED"}, to: "ACTIVE",
		task: "rebuilding", busy: "REBUILD", off: true, boot: true},
	"lock":          {verb: "lock"},
	"unlock":        {verb: "unlock"},
	"confirmResize": {verb: "confirmResize", from: []string{"VERIFY_RESIZE"}, to: "ACTIVE"},
	"restore":       {verb: "restore", from: []string{"SOFT_DELETED"}, to: "ACTIVE", task: "restoring", boot: true},
}

// act does one server action: the only key of the request's body names it.
func (c *Cloud) act(r *request, s *server) reply {
	var q map[string]json.RawMessage
	if err := r.decode(&q); err != nil || len(q) != 1 {
		return failure("nova", http.StatusBadRequest, "There is no such action")
	}
	for name, arguments := range q {
		switch name {
		case "os-getConsoleOutput":
			return c.showConsole(s, arguments)
		case "addSecurityGroup", "removeSecurityGroup":
			return c.changeGroup(s, name == "addSecurityGroup", arguments)
		}
		t, ok := transitions[name]
		if !ok {
			return failure("nova", http.StatusBadRequest, "There is no such action: "+name)
		}
		if wrong := t.refused(s); wrong != "" {
			return failure("nova", http.StatusConflict, wrong)
		}
		return c.move(r, s, name, t, arguments)
	}
	return reply{}
}

// refused says in nova's words why the server's state does not admit the action, "" if it does.
func (t transition) refused(s *server) string {
	switch {
	case t.to == "": // lock and unlock
		return ""
	case s.locked:
		return "Instance " + s.id + " is locked"
	case s.task != nil:
		return fmt.Sprintf("Cannot '%s' instance %s while it is in task_state %s", t.verb, s.id, *s.task)
	case t.from != nil && !slices.Contains(t.from, s.status):
		return fmt.Sprintf("Cannot '%s' instance %s while it is in vm_state %s", t.verb, s.id, stateOf(s.status).vm)
	}
	return ""
}

func (c *Cloud) move(r *request, s *server, name string, t transition, arguments json.RawMessage) reply {
	if t.to == "" {
		c.note(s, t.verb)
		s.locked = name == "lock"
		return reply{status: http.StatusAccepted}
	}
	switch name {
	case "rebuild":
		if wrong := c.rebuild(s, arguments); wrong != nil {
			return *wrong
		}
	case "reboot":
		if wrong := t.hard(arguments); wrong != nil {
			return *wrong
		}
	}
	c.note(s, t.verb)
	if s.instance != nil {
		s.instance.hangUp()
		if t.off {
			s.instance.halt()
		}
	}
	if task := s.lasts("demo_task"); task > 0 && t.task != "" {
		if t.busy != "" {
			s.status = t.busy
		}
		c.begin(s, t.task, task, func() { _ = c.arrive(s, name, t) }) // an error is the disk's, and has no one to hear it
		c.refresh()
	} else if err := c.arrive(s, name, t); err != nil {
		return failure("nova", http.StatusInternalServerError, err.Error())
	}
	switch name {
	case "rebuild":
		return reply{status: http.StatusAccepted, body: object{"server": c.viewServer(r, s, true)}}
	case "rescue":
		return reply{status: http.StatusOK, body: object{"adminPass": hexID()[:12]}}
	}
	return reply{status: http.StatusAccepted}
}

// arrive ends an action.
func (c *Cloud) arrive(s *server, name string, t transition) error {
	s.status, s.task, s.updated = t.to, nil, time.Now()
	defer c.refresh()
	if s.instance == nil || !t.boot {
		return nil
	}
	fresh := slices.Contains([]string{"create", "rebuild", "rescue", "unrescue"}, name)
	return s.instance.boot(fresh, name == "rescue")
}

// hard reads which reboot is asked for.
func (t *transition) hard(arguments json.RawMessage) *reply {
	var q struct {
		Type *string `json:"type"`
	}
	switch err := json.Unmarshal(arguments, &q); {
	case err != nil || q.Type == nil:
		return refuse(failure("nova", http.StatusBadRequest, "Invalid input for field/attribute reboot. Value: "+string(arguments)+
			". 'type' is a required property"))
	case strings.EqualFold(*q.Type, "HARD"):
		t.task, t.busy = "rebooting_hard", "HARD_REBOOT"
	case !strings.EqualFold(*q.Type, "SOFT"):
		return refuse(failure("nova", http.StatusBadRequest, "Invalid input for field/attribute type. Value: "+*q.Type+". '"+*q.Type+
			"' is not one of ['HARD', 'Hard', 'hard', 'SOFT', 'Soft', 'soft']"))
	}
	return nil
}

// begin gives a server a task, and ends it after a time unless something else
// has done so.
func (c *Cloud) begin(s *server, task string, lasts time.Duration, end func()) {
	mine := &task
	s.task = mine
	c.after(lasts, func() {
		if !s.deleted && s.task == mine {
			end()
		}
	})
}

// after does something later, with the state locked, unless the cloud has ended.
func (c *Cloud) after(d time.Duration, do func()) {
	timer := time.AfterFunc(d, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.ctx.Err() == nil {
			do()
		}
	})
	context.AfterFunc(c.ctx, func() { timer.Stop() })
}

// lasts reads a server's own pace from its metadata: demo_task is how long
// nova's tasks take (BUILD is one), demo_boot how long the guest boots, each
// such as "2s". Without it, and where it is not up to an hour, things happen at once.
func (s *server) lasts(key string) time.Duration {
	d, err := time.ParseDuration(s.metadata[key])
	if err != nil || d < 0 || d > time.Hour {
		return 0
	}
	return d
}
