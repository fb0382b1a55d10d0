package connect

import (
	"bufio"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// wire is the connection under x/crypto. It reads the identification exchange
// itself, for x/crypto drops what stands before it and takes any version; it
// has the kernel acknowledge at once; and it remembers how reading ended, for
// x/crypto tells a session only that it ended.
type wire struct {
	net.Conn
	identified func(version string)
	ack        quickAck

	unread []byte // the identification string, and what came with it

	started  bool
	loggedIn atomic.Bool

	mu      sync.Mutex
	failure error
}

// settle is how long the end of a login's connection is kept from x/crypto. It
// reads ahead of what it handles: without this the end could be seen before a
// close of the session that came in order, and a good status be taken for none.
const settle = 100 * time.Millisecond

// newWire calls identified once, with the server's identification string.
func newWire(conn net.Conn, identified func(string)) *wire {
	return &wire{Conn: conn, identified: identified, ack: newQuickAck(conn)}
}

// Read has one caller at a time, as x/crypto has.
func (w *wire) Read(p []byte) (int, error) {
	if !w.started {
		w.started = true
		if err := w.identify(); err != nil {
			return 0, err
		}
	}
	if len(w.unread) > 0 {
		n := copy(p, w.unread)
		w.unread = w.unread[n:]
		return n, nil
	}
	return w.receive(p)
}

// identify reads ahead: what follows the string in the buffer stays unread.
func (w *wire) identify() error {
	buffered := bufio.NewReader(readerFunc(w.receive))
	version, err := readIdentification(buffered)
	if err != nil {
		return err
	}
	w.identified(version)
	rest, err := buffered.Peek(buffered.Buffered())
	w.unread = append([]byte(version+"\r\n"), rest...)
	return err
}

// receive reads from the network. sshd up to 9.2 writes small packets with
// Nagle's algorithm on, which waits for our acknowledgement; the kernel, which
// forgets the wish with time, would send that 40 ms late. A full buffer is no
// small packet and needs no haste.
func (w *wire) receive(p []byte) (int, error) {
	w.ack.now()
	n, err := w.Conn.Read(p)
	if n < len(p) {
		w.ack.now()
	}
	if err != nil {
		if w.loggedIn.Load() && !errors.Is(err, net.ErrClosed) {
			time.Sleep(settle)
		}
		w.mu.Lock()
		w.failure = err
		w.mu.Unlock()
	}
	return n, err
}

// ended is the error that ended reading, or nil.
func (w *wire) ended() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failure
}

// readerFunc makes a function an io.Reader.
type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

var _ io.Reader = readerFunc(nil)
