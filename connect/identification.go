package connect

import (
	"bytes"
	"errors"
	"io"
	"strings"
)

const (
	// RFC 4253 section 4.2 lets a server write lines before its
	// identification string and bounds neither their number nor their length;
	// OpenSSH takes 1,024 of at most 8,192 bytes.
	maxLines      = 1024
	maxLineBytes  = 8192
	maxTextBytes  = 4096 // kept of them, for the error
	maxIdentBytes = 253  // 255 with CR LF
)

var (
	errLineTooLong    = errors.New("line too long")
	errTooManyLines   = errors.New("too many lines")
	errVersionUnknown = errors.New("protocol version is not 2")
)

// readIdentification reads up to and including the line that identifies an SSH
// 2 server, and returns it without its end. Every error is a *BannerError.
func readIdentification(r io.ByteReader) (string, error) {
	var text bytes.Buffer
	fail := func(line []byte, err error) error {
		text.Write(line)
		text.Truncate(min(text.Len(), maxTextBytes))
		return &BannerError{Text: text.String(), Err: err}
	}
	for range maxLines {
		line, err := readLine(r)
		if err != nil {
			return "", fail(line, err)
		}
		if bytes.HasPrefix(line, []byte("SSH-")) {
			return checkIdentification(string(line))
		}
		if text.Len() < maxTextBytes {
			text.Write(line)
			text.WriteByte('\n')
		}
	}
	return "", fail(nil, errTooManyLines)
}

// readLine reads up to a line feed; of an error it returns what came before.
func readLine(r io.ByteReader) ([]byte, error) {
	var line []byte
	for {
		b, err := r.ReadByte()
		if err != nil {
			return line, err
		}
		if b == '\n' {
			return bytes.TrimSuffix(line, []byte("\r")), nil
		}
		if len(line) == maxLineBytes {
			return line, errLineTooLong
		}
		line = append(line, b)
	}
}

// checkIdentification takes SSH-2.0 and SSH-1.99, which is a server that
// speaks both (RFC 4253 section 5.1).
func checkIdentification(line string) (string, error) {
	switch {
	case len(line) > maxIdentBytes:
		return "", &BannerError{Text: line[:maxIdentBytes], Err: errLineTooLong}
	case !strings.HasPrefix(line, "SSH-2.0-") && !strings.HasPrefix(line, "SSH-1.99-"):
		return "", &BannerError{Version: line, Err: errVersionUnknown}
	}
	return line, nil
}
