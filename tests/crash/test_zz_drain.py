import time
from crash.conftest import *
from crash.conftest import launch as launch
from crash.test_crash_smtp import drain
def test_x(launch):
    run=launch(2000)
    t=time.time()
    with run.shipped() as p:
        run.receives(1); print('first after',time.time()-t); run.receives(300); t=time.time(); drain(p); print('drained in',time.time()-t, run.received)
    t=time.time()
    n=run.received
    with run.shipped() as p:
        run.receives(n+1); print('first after restart',time.time()-t)
        t=time.time(); run.completes(); print('rest',time.time()-t)
