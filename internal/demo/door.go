package demo

import (
	"errors"
	"net"
	"sync"
	"time"
)

// doorway is what a TCP connection to an instance's SSH port meets.
type doorway int

const (
	doorOpen    doorway = iota
	doorDrops           // nothing comes back, as where a security group says no
	doorRefuses         // a reset, as where nothing listens
)

// door is the listener of one instance.
type door struct {
	handle func(*net.TCPConn)
	addr   *net.TCPAddr

	mu       sync.Mutex
	state    doorway
	listener *net.TCPListener // nil while it refuses
	fillers  []net.Conn       // what keeps the backlog full while it drops
	idle     chan struct{}    // closed when the accepting goroutine has ended; nil if there is none
}

// newDoor takes a free port of the cloud's block; it starts shut.
func (c *Cloud) newDoor(handle func(*net.TCPConn)) (*door, error) {
	err := errors.New("no free port in the block")
	for ; c.nextPort < portBlock-1; c.nextPort++ {
		d := &door{handle: handle, addr: &net.TCPAddr{IP: net.IP(loopback.AsSlice()), Port: c.portBase + c.nextPort}, state: doorRefuses}
		if d.listener, err = net.ListenTCP("tcp4", d.addr); err == nil {
			c.nextPort++
			d.set(doorDrops)
			return d, nil
		}
	}
	return nil, err
}

// set brings the door into a state. It returns when that state holds.
func (d *door) set(want doorway) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if want == d.state {
		return
	}
	d.leave()
	if d.listener == nil && want != doorRefuses {
		l, err := net.ListenTCP("tcp4", d.addr)
		if err != nil {
			return // another took the port meanwhile: it goes on refusing
		}
		d.listener = l
	}
	d.state = want
	switch want {
	case doorOpen:
		d.idle = make(chan struct{})
		go d.accept(d.listener, d.idle)
	case doorDrops:
		d.fillers = fill(d.listener)
	case doorRefuses:
		if d.listener != nil {
			_ = d.listener.Close()
			d.listener = nil
		}
	}
}

// leave undoes the present state.
func (d *door) leave() {
	if d.idle != nil {
		_ = d.listener.SetDeadline(time.Now())
		<-d.idle
		d.idle = nil
		_ = d.listener.SetDeadline(time.Time{})
	}
	if d.fillers != nil {
		empty(d.listener, d.fillers)
		d.fillers = nil
	}
}

func (d *door) accept(l *net.TCPListener, idle chan struct{}) {
	defer close(idle)
	for {
		conn, err := l.AcceptTCP()
		if err != nil {
			return // the deadline that leave sets
		}
		go d.handle(conn)
	}
}
