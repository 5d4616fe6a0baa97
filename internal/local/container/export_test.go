package container

// Abandon lets a launcher be as good as killed: its containers run on, and nobody looks
// after them.
func (l *Launcher) Abandon() {
	l.leave()
	l.work.Wait()
}
