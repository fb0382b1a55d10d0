package main

import (
	"context"
	"image"
	"image/color"
	"image/png"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"osssh/diagnose"
	"osssh/internal/openstack"
)

// hostile is an examination whose texts try to be markup, and hold secrets.
func hostile(t *testing.T) *examination {
	t.Helper()
	f := madeFinding("G3", diagnose.Certain, diagnose.Fix{Command: "osssh allow web", Words: "</pre><script>alert(1)</script>"})
	f.What = "group `<b>|x` admits 192.0.2.0/24; you come from 10.1.2.3"
	f.Evidence = []string{"</svg><img src=x onerror=alert(1)>", "```", "port of 10.9.9.9 and fd00:20::7, not 10.1.2.3", "password: hunter2hunter2", "a gAAAAABmZ0123456789abcdefghijk"}
	x := made(t, diagnose.Diagnosis{
		Outcome: diagnose.Broken, Causes: []diagnose.Finding{f},
		Steps: []diagnose.Step{
			{Name: "you", What: "10.1.2.3, on-link", Mark: diagnose.Passed},
			{Name: "security group", What: "<text>&amp; \x1b[31m", Mark: diagnose.Failed, Note: "`tcp/22` | only"},
			{Name: "instance", What: strings.Repeat("w", 300), Mark: diagnose.Unsure},
			{Name: "sshd", What: "not reached"},
		},
	})
	x.cloud = &openstack.Cloud{Auth: openstack.Auth{Password: "sw0rdfish"}}
	x.facts.Setup.Proxy = "http://me:sw0rdfish@proxy.example:3128"
	x.facts.Asked = []diagnose.Asked{{What: "port 10.9.9.9:22", Source: "tcp", Took: 1200 * time.Millisecond, Err: context.DeadlineExceeded}}
	x.facts.Control = []diagnose.Control{{What: "server other", Address: netip.MustParseAddrPort("100.64.0.9:22"), SamePath: true}}
	return x
}

func reporter() *process {
	return &process{env: func(name string) string { return map[string]string{"HOME": "/home/me", "USERPROFILE": `C:\me`}[name] }}
}

func TestReport(t *testing.T) {
	for name, write := range map[string]func(*ticket) ([]byte, error){"markdown": markdownReport, "html": htmlReport} {
		t.Run(name, func(t *testing.T) {
			data, err := write(reporter().ticket(hostile(t)))
			if err != nil {
				t.Fatal(err)
			}
			text := string(data)
			for _, never := range []string{"sw0rdfish", "hunter2", "gAAAA", "10.9.9.9", "fd00:20::7", "100.64.0.9", "\x1b", "<script", "<img", "</svg><"} {
				if name == "markdown" && strings.HasPrefix(never, "<") {
					continue // is escaped, or stands in a fence
				}
				if strings.Contains(text, never) {
					t.Errorf("it holds %q", never)
				}
			}
			for _, must := range []string{"10.1.2.3", "192.0.2.0/24", "G3", "2026-11-23 16:00:00 UTC", "osssh allow web", "keystone.example", "1.200", version()} {
				if !strings.Contains(strings.ReplaceAll(text, `\`, ""), must) {
					t.Errorf("it lacks %q", must)
				}
			}
			if name == "markdown" && !strings.Contains(text, "\\<img src=x onerror=alert\\(1\\)\\>") {
				t.Error("markup is not escaped")
			}
		})
	}
}

func TestRedaction(t *testing.T) {
	r := redaction{home: reporter().homely, secrets: []string{"sw0rdfish"}}
	r.shown("floating IP 198.51.100.7 → port (10.20.0.97)", "fd00:20::97")
	for text, want := range map[string]string{
		"10.20.0.97:22 and 10.20.0.98:22":             "10.20.0.97:22 and [private address]:22",
		"[fd00:20::97]:22, fe80::1, 2001:db8::1":      "[fd00:20::97]:22, [private address], 2001:db8::1",
		"at 16:00:01 tcp/22 1.2.3.4 127.0.0.1":        "at 16:00:01 tcp/22 1.2.3.4 127.0.0.1",
		"SHA256:AbCdEf/Gh1 of /home/me/.ssh/work":     "SHA256:AbCdEf/Gh1 of ~/.ssh/work",
		"X-Auth-Token: gAAAAABm0123":                  "[secret]",
		"token=abc rest":                              "[secret] rest",
		"it was sw0rdfish":                            "it was [secret]",
		"proxy http://me:pw@gate.example:3128":        "proxy http[secret]gate.example:3128",
		"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-_1": "[secret]",
		"key 9b:aa:10:00:fe:80:33:44:55:66:77:88":     "key 9b:aa:10:00:fe:80:33:44:55:66:77:88",
		"192.168.1.1, 172.16.5.4, 172.40.1.1":         "[private address], [private address], 172.40.1.1",
	} {
		if got := r.clean(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func FuzzRedaction(f *testing.F) {
	f.Add("10.20.0.98:22 fd00::1 password=x")
	f.Fuzz(func(t *testing.T, text string) {
		r := redaction{home: reporter().homely, secrets: []string{"sw0rdfish"}}
		if got := r.clean(text); strings.Contains(got, "sw0rdfish") || strings.ContainsRune(got, '\x1b') {
			t.Errorf("%q: %q", text, got)
		}
	})
}

// It is written for its owner, and never over another file.
func TestReportFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "ticket.md")
	p := reporter()
	p.stdout = scratch(t)
	if err := p.report(hostile(t), path); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if err := p.report(hostile(t), path); err == nil || !strings.Contains(err.Error(), "no file is overwritten") {
		t.Errorf("got %v", err)
	}
	if got := content(t, p.stdout); got != "report: "+path+"\n" {
		t.Errorf("got %q", got)
	}
}

// A browser shows the page, the picture in it, and nothing of what texts try to be.
func TestReportInBrowser(t *testing.T) {
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("the picture is looked at in chromium: %v", err)
	}
	data, err := htmlReport(reporter().ticket(hostile(t)))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	page, shot := filepath.Join(dir, "report.html"), filepath.Join(dir, "shot.png")
	if err := os.WriteFile(page, data, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--user-data-dir="+filepath.Join(dir, "profile"),
		"--hide-scrollbars", "--window-size=1000,900", "--screenshot="+shot, "--dump-dom", "file://"+page)
	command.Env = append(os.Environ(), "HOME="+dir)
	dom, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(string(dom), `<g class="station">`); got != 4 {
		t.Errorf("%d stations in\n%s", got, dom)
	}
	for _, never := range []string{"<script", "<img", "<b>"} {
		if strings.Contains(string(dom), never) {
			t.Errorf("the page has %s", never)
		}
	}
	picture := screenshot(t, shot)
	for name, want := range map[string]color.NRGBA{
		"✓": {0x1a, 0x7f, 0x37, 0xff}, "✗": {0xcf, 0x22, 0x2e, 0xff}, "?": {0x9a, 0x67, 0x00, 0xff}, "–": {0x99, 0x99, 0x99, 0xff},
	} {
		// a disc of radius 14 has 615 pixels, a part of them under the sign
		if got := pixels(picture, want); got < 300 || got > 4000 {
			t.Errorf("%d pixels have the colour of %s", got, name)
		}
	}
}

func screenshot(t *testing.T, path string) image.Image {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	picture, err := png.Decode(file)
	if err != nil {
		t.Fatal(err)
	}
	return picture
}

func pixels(picture image.Image, want color.NRGBA) (n int) {
	bounds := picture.Bounds()
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			if color.NRGBAModel.Convert(picture.At(x, y)) == want {
				n++
			}
		}
	}
	return n
}
