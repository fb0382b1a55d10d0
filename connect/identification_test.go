package connect

import (
	"errors"
	"io"
	"strings"
	"testing"
)

func TestReadIdentification(t *testing.T) {
	long := strings.Repeat("x", 300)
	tests := []struct {
		name, sent, version, text string
		err                       error
	}{
		{name: "openssh", sent: "SSH-2.0-OpenSSH_9.2p1\r\n", version: "SSH-2.0-OpenSSH_9.2p1"},
		{name: "line feed only", sent: "SSH-2.0-x\n", version: "SSH-2.0-x"},
		{name: "speaks both", sent: "SSH-1.99-x\r\n", version: "SSH-1.99-x"},
		{name: "lines before", sent: "hello\r\n\r\nSSH-2.0-x y\r\n", version: "SSH-2.0-x y"},
		{name: "long line before", sent: long + "\nSSH-2.0-x\r\n", version: "SSH-2.0-x"},
		{name: "nothing", sent: "", err: io.EOF},
		{name: "penalty", sent: "Not allowed at this time\r\n", text: "Not allowed at this time\n", err: io.EOF},
		{name: "no line end", sent: "Exceeded MaxStartups", text: "Exceeded MaxStartups", err: io.EOF},
		{name: "http", sent: "HTTP/1.1 400 Bad Request\r\n\r\n", text: "HTTP/1.1 400 Bad Request\n\n", err: io.EOF},
		{name: "endless line", sent: strings.Repeat("y", 1<<20), text: strings.Repeat("y", maxTextBytes), err: errLineTooLong},
		{name: "endless lines", sent: strings.Repeat("y\r\n", 1<<20), text: strings.Repeat("y\n", maxLines), err: errTooManyLines},
		{name: "long identification", sent: "SSH-2.0-" + long + "\r\n", text: ("SSH-2.0-" + long)[:maxIdentBytes], err: errLineTooLong},
		{name: "old", sent: "SSH-1.5-x\r\n", err: errVersionUnknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			version, err := readIdentification(strings.NewReader(tt.sent))
			if version != tt.version || !errors.Is(err, tt.err) {
				t.Fatalf("got %q, %v; want %q, %v", version, err, tt.version, tt.err)
			}
			var banner *BannerError
			if errors.As(err, &banner) && banner.Text != tt.text {
				t.Errorf("text %q, want %q", banner.Text, tt.text)
			}
		})
	}
}

func FuzzReadIdentification(f *testing.F) {
	f.Add("SSH-2.0-x\r\n")
	f.Add("a\nSSH-1.5-x\n")
	f.Fuzz(func(t *testing.T, sent string) {
		version, err := readIdentification(strings.NewReader(sent))
		var banner *BannerError
		switch {
		case err == nil && (len(version) > maxIdentBytes || !strings.HasPrefix(version, "SSH-") || !strings.Contains(sent, version)):
			t.Fatalf("took %q of %q", version, sent)
		case err != nil && !errors.As(err, &banner):
			t.Fatalf("untyped %v", err)
		case banner != nil && len(banner.Text) > maxTextBytes:
			t.Fatalf("keeps %d bytes", len(banner.Text))
		}
	})
}
