# Holds the namespaces of a pod: all that it has to do is to stay.
FROM scratch
COPY busybox /busybox
CMD ["/busybox", "sleep", "infinity"]
