# Stands in for a public Python image: Debian as mmdebstrap makes it.
FROM scratch
ADD base.tar /
CMD ["python3"]
