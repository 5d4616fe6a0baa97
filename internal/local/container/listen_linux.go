package container

import "golang.org/x/sys/unix"

func bindEarly(fd int) error { return unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_FREEBIND, 1) }
