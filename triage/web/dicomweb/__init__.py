"""UPS-RS: the reading list as the Worklist Service of DICOMweb (PS3.18 section 11).

Thin views of the one state machine of the work items, which DIMSE peers meet as well: a request
becomes a call of it, and its DIMSE status becomes an HTTP answer.
"""

PREFIX = "/dicomweb"  # the base URI of the service; every address of it begins with this
