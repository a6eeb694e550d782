# Holds the namespaces of a pod: all that it has to do is to stay.
FROM scratch
COPY busybox /busybox
USER 65532:65532
CMD ["/busybox", "sleep", "infinity"]
