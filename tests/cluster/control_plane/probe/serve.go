package main

import (
	"fmt"
	"net"
	"strings"
)

const answer = "here"

// serve answers each connection and each datagram, for as long as the process lives.
func serve(addresses []string) error {
	failed := make(chan error)
	for _, each := range addresses {
		protocol, port, _ := strings.Cut(each, ":")
		switch protocol {
		case "tcp":
			listener, err := net.Listen("tcp4", ":"+port)
			if err != nil {
				return err
			}
			go func() { failed <- serveTCP(listener) }()
		case "udp":
			own, err := net.InterfaceAddrs()
			if err != nil {
				return err
			}
			// An answer has to come from the address that was asked, so each has its socket.
			for _, each := range own {
				network, is := each.(*net.IPNet)
				if !is || network.IP.To4() == nil {
					continue
				}
				socket, err := net.ListenPacket("udp4", net.JoinHostPort(network.IP.String(), port))
				if err != nil {
					return err
				}
				go func() { failed <- serveUDP(socket) }()
			}
		default:
			return fmt.Errorf("%q is not tcp:PORT or udp:PORT", each)
		}
	}
	return <-failed
}

func serveTCP(listener net.Listener) error {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return err
		}
		connection.Write([]byte(answer))
		connection.Close()
	}
}

func serveUDP(socket net.PacketConn) error {
	buffer := make([]byte, 64)
	for {
		_, from, err := socket.ReadFrom(buffer)
		if err != nil {
			return err
		}
		socket.WriteTo([]byte(answer), from)
	}
}
