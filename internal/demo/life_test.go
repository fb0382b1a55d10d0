package demo

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// show gives a server's status and task state.
func (a *client) show(id string) string {
	a.t.Helper()
	s := a.get("/compute/v2.1/servers/" + id)["server"].(object)
	return text(s["status"]) + " " + text(s["OS-EXT-STS:task_state"])
}

// await polls until a server's status and task state are as wanted.
func (a *client) await(id, want string) {
	a.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		got := a.show(id)
		if got == want {
			return
		}
		if time.Now().After(deadline) {
			a.t.Fatalf("still %q, not %q", got, want)
		}
	}
}

func TestTasksPassThrough(t *testing.T) {
	c := start(t, Options{})
	a := signIn(t, c)
	id := c.Instance("web").ID()
	path := "/compute/v2.1/servers/" + id + "/action"
	inject(t, c, Fault{Instance: "web", Metadata: map[string]string{"demo_task": "300ms"}})
	for _, test := range []struct {
		action       string
		during, then string
		up           bool
	}{
		{`{"os-stop":null}`, "ACTIVE powering-off", "SHUTOFF ", false},
		{`{"os-start":null}`, "SHUTOFF powering-on", "ACTIVE ", true},
		{`{"pause":null}`, "ACTIVE pausing", "PAUSED ", false},
		{`{"unpause":null}`, "PAUSED unpausing", "ACTIVE ", true},
		{`{"suspend":null}`, "ACTIVE suspending", "SUSPENDED ", false},
		{`{"resume":null}`, "SUSPENDED resuming", "ACTIVE ", true},
		{`{"shelve":null}`, "ACTIVE shelving", "SHELVED_OFFLOADED ", false},
		{`{"unshelve":null}`, "SHELVED_OFFLOADED unshelving", "ACTIVE ", true},
		{`{"reboot":{"type":"SOFT"}}`, "REBOOT rebooting", "ACTIVE ", true},
		{`{"reboot":{"type":"Hard"}}`, "HARD_REBOOT rebooting_hard", "ACTIVE ", true},
		{`{"rescue":{}}`, "ACTIVE rescuing", "RESCUE ", true},
		{`{"unrescue":null}`, "RESCUE unrescuing", "ACTIVE ", true},
	} {
		a.must("POST", path, test.action)
		if got := a.show(id); got != test.during {
			t.Errorf("%s: at first %q", test.action, got)
		}
		if status, _, body := a.do("POST", path, `{"os-start":null}`); status != 409 || !strings.Contains(body, "while it is in task_state "+strings.Fields(test.during)[1]) {
			t.Errorf("%s: another action: %d %s", test.action, status, body)
		}
		a.await(id, test.then)
		if got := greets(int(c.Instance("web").Address().Port())); got != test.up {
			t.Errorf("%s: SSH answers: %v", test.action, got)
		}
	}
	for body, want := range map[string]string{
		`{"reboot":{}}`:                     "'type' is a required property",
		`{"reboot":{"type":"SOFTLY"}}`:      "'SOFTLY' is not one of",
		`{"os-start":null}`:                 "Cannot 'start' instance " + id + " while it is in vm_state active",
		`{"confirmResize":null}`:            "Cannot 'confirmResize' instance " + id + " while it is in vm_state active",
		`{"os-getConsoleOutput":{},"x":{}}`: "There is no such action",
	} {
		if _, _, answer := a.do("POST", path, body); !strings.Contains(answer, want) {
			t.Errorf("%s: %s", body, answer)
		}
	}
	a.must("POST", path, `{"lock":null}`)
	if status, _, body := a.do("POST", path, `{"os-stop":null}`); status != 409 || !strings.Contains(body, "is locked") {
		t.Errorf("stop a locked server: %d %s", status, body)
	}
	a.must("POST", path, `{"unlock":null}`)
}

// landmarks are texts that a first boot prints, in this order.
var landmarks = []string{"Linux version", "running 'init-local'", "bound to ", "running 'init'", "Authorized keys from ",
	"END SSH HOST KEY KEYS", "Started ssh.service", "finished at ", "slow login: "}

// landmarks says how many of them the console has shown: the first ones only.
func (a *client) landmarks(id string) int {
	a.t.Helper()
	status, _, body := a.do("POST", "/compute/v2.1/servers/"+id+"/action", `{"os-getConsoleOutput":{"length":null}}`)
	if status == 409 {
		return 0
	}
	output := text(a.parse(body)["output"])
	for n, mark := range landmarks {
		_, after, found := strings.Cut(output, mark)
		if !found {
			return n
		}
		output = after
	}
	return len(landmarks)
}

func TestServerThatBuildsAndBoots(t *testing.T) {
	c := start(t, Options{})
	a := signIn(t, c)
	like := a.get("/compute/v2.1/servers/" + c.Instance("direct").ID())["server"].(object)
	network := a.list("/networking/v2.0/networks?name=provider", "networks", "id")[0]
	image := a.list("/image/v2/images?name=debian-12", "images", "id")[0]
	made := a.must("POST", "/compute/v2.1/servers", `{"server":{"name":"slow","key_name":"ed25519","imageRef":"`+image+
		`","flavorRef":"`+text(like["flavor"].(object)["id"])+`","networks":[{"uuid":"`+network+`"}],"security_groups":[{"name":"ssh-open"}],`+
		`"metadata":{"demo_task":"400ms","demo_boot":"1s"}}}`)
	id := text(made["server"].(object)["id"])
	s := a.get("/compute/v2.1/servers/" + id)["server"].(object)
	if a.show(id) != "BUILD scheduling" || len(s["addresses"].(object)) != 0 || s["OS-SRV-USG:launched_at"] != nil {
		t.Errorf("at first %v", s)
	}
	if status, _, body := a.do("POST", "/compute/v2.1/servers/"+id+"/action", `{"os-getConsoleOutput":{}}`); status != 409 || !strings.Contains(body, "is not ready") {
		t.Errorf("console while it builds: %d %s", status, body)
	}
	if ports := a.list("/networking/v2.0/ports?device_id="+id, "ports", "status"); !slices.Equal(ports, []string{"DOWN"}) {
		t.Errorf("ports while it builds: %v", ports)
	}
	a.await(id, "BUILD spawning")
	a.await(id, "ACTIVE ")
	if s := a.get("/compute/v2.1/servers/" + id)["server"].(object); len(s["addresses"].(object)) != 1 || s["OS-SRV-USG:launched_at"] == nil {
		t.Errorf("built %v", s)
	}
	port, last := int(c.Instance("slow").Address().Port()), 0
	steps := 0
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		up, seen := greetsWithin(port, 50*time.Millisecond), a.landmarks(id)
		if seen < last || up && seen < len(landmarks) {
			t.Fatalf("SSH answers: %v, after %d the console has shown %v", up, last, landmarks[:seen])
		}
		if seen != last {
			steps++
		}
		last = seen
		if up {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("no SSH; the console has shown %v", landmarks[:seen])
		}
	}
	if steps < 3 {
		t.Errorf("the console grew in %d steps", steps)
	}
	a.must("POST", "/compute/v2.1/servers/"+id+"/action", `{"os-stop":null}`)
	a.await(id, "SHUTOFF ")
	a.must("POST", "/compute/v2.1/servers/"+id+"/action", `{"os-start":null}`)
	a.await(id, "ACTIVE ")
	if greets(port) {
		t.Error("SSH answers before it has booted")
	}
	a.must("DELETE", "/compute/v2.1/servers/"+id, "") // in the midst of its boot
}
