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
	// Where the test looks at a task it lasts for ever; a status that is set ends it.
	set := func(status, lasts string) {
		inject(t, c, Fault{Instance: "web", ServerStatus: &status, Metadata: map[string]string{"demo_task": lasts}})
	}
	for _, test := range []struct {
		action, from string
		during, then string
		up           bool
	}{
		{`{"os-stop":null}`, "ACTIVE", "ACTIVE powering-off", "SHUTOFF ", false},
		{`{"os-start":null}`, "SHUTOFF", "SHUTOFF powering-on", "ACTIVE ", true},
		{`{"pause":null}`, "ACTIVE", "ACTIVE pausing", "PAUSED ", false},
		{`{"unpause":null}`, "PAUSED", "PAUSED unpausing", "ACTIVE ", true},
		{`{"suspend":null}`, "ACTIVE", "ACTIVE suspending", "SUSPENDED ", false},
		{`{"resume":null}`, "SUSPENDED", "SUSPENDED resuming", "ACTIVE ", true},
		{`{"shelve":null}`, "ACTIVE", "ACTIVE shelving", "SHELVED_OFFLOADED ", false},
		{`{"unshelve":null}`, "SHELVED_OFFLOADED", "SHELVED_OFFLOADED unshelving", "ACTIVE ", true},
		{`{"reboot":{"type":"SOFT"}}`, "ACTIVE", "REBOOT rebooting", "ACTIVE ", true},
		{`{"reboot":{"type":"Hard"}}`, "ACTIVE", "HARD_REBOOT rebooting_hard", "ACTIVE ", true},
		{`{"rescue":{}}`, "ACTIVE", "ACTIVE rescuing", "RESCUE ", true},
		{`{"unrescue":null}`, "RESCUE", "RESCUE unrescuing", "ACTIVE ", true},
	} {
		set(test.from, "1h")
		a.must("POST", path, test.action)
		if got := a.show(id); got != test.during {
			t.Errorf("%s: at first %q", test.action, got)
		}
		if status, _, body := a.do("POST", path, `{"os-start":null}`); status != 409 || !strings.Contains(body, "while it is in task_state "+strings.Fields(test.during)[1]) {
			t.Errorf("%s: another action: %d %s", test.action, status, body)
		}
		set(test.from, "10ms")
		a.must("POST", path, test.action)
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

// create makes a server like direct, of debian-12, with that pace.
func (a *client) create(name, task, boot string) (id string) {
	a.t.Helper()
	flavor := text(a.get("/compute/v2.1/servers/" + a.cloud.Instance("direct").ID())["server"].(object)["flavor"].(object)["id"])
	network := a.list("/networking/v2.0/networks?name=provider", "networks", "id")[0]
	image := a.list("/image/v2/images?name=debian-12", "images", "id")[0]
	made := a.must("POST", "/compute/v2.1/servers", `{"server":{"name":"`+name+`","key_name":"ed25519","imageRef":"`+image+
		`","flavorRef":"`+flavor+`","networks":[{"uuid":"`+network+`"}],"security_groups":[{"name":"ssh-open"}],`+
		`"metadata":{"demo_task":"`+task+`","demo_boot":"`+boot+`"}}}`)
	return text(made["server"].(object)["id"])
}

func TestServerThatBuilds(t *testing.T) {
	c := start(t, Options{})
	a := signIn(t, c)
	id := a.create("slow", "1h", "0s")
	s := a.get("/compute/v2.1/servers/" + id)["server"].(object)
	if a.show(id) != "BUILD scheduling" || len(s["addresses"].(object)) != 0 || s["OS-SRV-USG:launched_at"] != nil {
		t.Errorf("it builds: %v", s)
	}
	if status, _, body := a.do("POST", "/compute/v2.1/servers/"+id+"/action", `{"os-getConsoleOutput":{}}`); status != 409 || !strings.Contains(body, "is not ready") {
		t.Errorf("its console: %d %s", status, body)
	}
	if ports := a.list("/networking/v2.0/ports?device_id="+id, "ports", "status"); !slices.Equal(ports, []string{"DOWN"}) {
		t.Errorf("its ports: %v", ports)
	}
	if greets(int(c.Instance("slow").Address().Port())) {
		t.Error("SSH answers while it builds")
	}
	a.must("DELETE", "/compute/v2.1/servers/"+id, "")
	id = a.create("quick", "20ms", "0s")
	a.await(id, "ACTIVE ")
	s = a.get("/compute/v2.1/servers/" + id)["server"].(object)
	if len(s["addresses"].(object)) != 1 || s["OS-SRV-USG:launched_at"] == nil {
		t.Errorf("built: %v", s)
	}
	if !greets(int(c.Instance("quick").Address().Port())) {
		t.Error("SSH does not answer when it is built")
	}
}

func TestServerThatBoots(t *testing.T) {
	c := start(t, Options{})
	a := signIn(t, c)
	id := a.create("slow", "0s", "500ms")
	port, last := int(c.Instance("slow").Address().Port()), 0
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		up, seen := greetsWithin(port, 50*time.Millisecond), a.landmarks(id)
		if seen < last || up && seen < len(landmarks) {
			t.Fatalf("SSH answers: %v, after %d the console has shown %v", up, last, landmarks[:seen])
		}
		last = seen
		if up {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("no SSH; the console has shown %v", landmarks[:seen])
		}
	}
	inject(t, c, Fault{Instance: "slow", Metadata: map[string]string{"demo_boot": "1h"}})
	before := len(c.Instance("slow").Console())
	a.must("POST", "/compute/v2.1/servers/"+id+"/action", `{"reboot":{"type":"HARD"}}`)
	if more := c.Instance("slow").Console()[before:]; !strings.Contains(more, landmarks[0]) || strings.Contains(more, "ssh.service") {
		t.Errorf("a boot begins with %q", more)
	}
	if a.show(id) != "ACTIVE " || greets(port) {
		t.Errorf("%s; SSH answers before it has booted: %v", a.show(id), greets(port))
	}
	a.must("DELETE", "/compute/v2.1/servers/"+id, "") // in the midst of its boot
}

func TestBootStages(t *testing.T) {
	c := start(t, Options{})
	doors := func(stages []stage) (list []doorway, text string) {
		for _, s := range stages {
			list, text = append(list, s.door), text+s.text
		}
		return list, text
	}
	web := c.Instance("web")
	c.mu.Lock()
	defer c.mu.Unlock()
	first, _ := doors(web.bootStages(true))
	if want := []doorway{doorDrops, doorRefuses, doorRefuses, doorRefuses, doorOpen}; !slices.Equal(first, want) {
		t.Errorf("first boot: %v", first)
	}
	again, text := doors(web.bootStages(false))
	if want := []doorway{doorDrops, doorRefuses, doorRefuses, doorOpen}; !slices.Equal(again, want) || strings.Contains(text, "HOST KEY") {
		t.Errorf("second boot: %v %s", again, text)
	}
}
