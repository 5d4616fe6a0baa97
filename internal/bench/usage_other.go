//go:build !unix

package bench

func usage() used { return used{} }
