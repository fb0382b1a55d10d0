package demo

import "net"

// forwardingDoor leads to whichever instance the port then belongs to.
func (c *Cloud) forwardingDoor(f *forwarding) *door {
	return &door{handle: c.through(f), addr: &net.TCPAddr{IP: net.IP(loopback.AsSlice()), Port: f.external.low}, state: doorRefuses}
}

func (c *Cloud) through(f *forwarding) func(*net.TCPConn) {
	return func(conn *net.TCPConn) {
		c.mu.Lock()
		i := c.behind(f)
		c.mu.Unlock()
		if i == nil {
			_ = conn.Close()
			return
		}
		i.serve(conn)
	}
}

// behind is the instance whose SSH port a forwarding leads to, nil if none is.
func (c *Cloud) behind(f *forwarding) *Instance {
	port := c.network.collections["ports"].byID[f.port]
	if s := c.byID[text(port["device_id"])]; s != nil && s.instance != nil && !s.deleted &&
		f.protocol == "tcp" && f.internal.low == s.instance.door.addr.Port {
		return s.instance
	}
	return nil
}

// entrance is what the outside meets at a forwarding's external port: the
// security groups judge the internal one.
func (c *Cloud) entrance(f *forwarding) doorway {
	port := c.network.collections["ports"].byID[f.port]
	fip := object{"router_id": c.network.collections["floatingips"].byID[f.fip]["router_id"], "fixed_ip_address": f.address}
	admitted := port != nil && c.routed(fip, port) && c.admits(port, loopback, f.internal.low)
	switch i := c.behind(f); {
	case !admitted:
		return doorDrops
	case i == nil:
		return doorRefuses
	default:
		return i.answer()
	}
}
